"""The app's settings."""

import pytest

from shared.errors import Misconfigured
from shared.settings import Settings
from shared.values import Credential

ENOUGH = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-0000000000bb",
    "AzureWebJobsStorage__queueServiceUri": "https://contoso.queue.core.windows.net/",
    "AzureWebJobsStorage__tableServiceUri": "https://contoso.table.core.windows.net",
    "AzureWebJobsStorage__blobServiceUri": "https://127.0.0.1:10000/devstoreaccount1",
}


def test_a_subscription_and_a_storage_account_are_enough():
    settings = Settings.of(ENOUGH | {"PATH": "/bin"})
    assert settings == Settings(
        subscription="00000000-0000-0000-0000-0000000000bb",
        queue_endpoint="https://contoso.queue.core.windows.net",
        table_endpoint="https://contoso.table.core.windows.net",
        blob_endpoint="https://127.0.0.1:10000/devstoreaccount1",
        arm_endpoint="https://management.azure.com",
        acr_audience="https://containerregistry.azure.net",
        catalog_url="",
        scan_task="breakwater-scan",
        test_task="breakwater-test",
        import_concurrency=8,
        run_concurrency=10,
        promotion_concurrency=4,
        upstream_concurrency=4,
        look_again_seconds=10,
        rebuild_grace_seconds=120,
        events_topic_endpoint="",
        watch_seconds=200,
        watch_split=2000,
        credentials={},
        webhook_secrets={},
    )


def test_every_setting_can_be_set():
    settings = Settings.of(
        ENOUGH
        | {
            "ARM_ENDPOINT": "https://localhost:5010/",
            "ACR_AUDIENCE": "https://containerregistry.azure.cn",
            "CATALOG_URL": "file:///etc/catalog.yaml",
            "SCAN_TASK": "scan-1",
            "TEST_TASK": "test-1",
            "IMPORT_CONCURRENCY": " 1 ",
            "RUN_CONCURRENCY": "2",
            "PROMOTION_CONCURRENCY": "3",
            "UPSTREAM_CONCURRENCY": "100",
            "LOOK_AGAIN_SECONDS": "900",
            "REBUILD_GRACE_SECONDS": "0",
            "WATCH_SECONDS": "240",
            "WATCH_SPLIT": "1",
            "EVENTS_TOPIC_ENDPOINT": "https://topic.westeurope-1.eventgrid.azure.net/api/events",
            "ENTRA_TENANT_ID": "00000000-0000-0000-0000-0000000000AA",
            "ENTRA_AUDIENCE": "api://contoso.com/breakwater",
            "ENTRA_AUTHORITY": "https://login.microsoftonline.us/",
        }
    )
    assert settings.arm_endpoint == "https://localhost:5010"
    assert settings.acr_audience == "https://containerregistry.azure.cn"
    assert settings.catalog_url == "file:///etc/catalog.yaml"
    assert (settings.scan_task, settings.test_task) == ("scan-1", "test-1")
    assert (settings.import_concurrency, settings.run_concurrency) == (1, 2)
    assert (settings.promotion_concurrency, settings.upstream_concurrency) == (3, 100)
    assert (settings.look_again_seconds, settings.rebuild_grace_seconds) == (900, 0)
    assert (settings.watch_seconds, settings.watch_split) == (240, 1)
    assert settings.events_topic_endpoint.endswith("/api/events")
    assert settings.entra_tenant_id == "00000000-0000-0000-0000-0000000000AA"
    assert settings.entra_audience == "api://contoso.com/breakwater"
    assert settings.entra_authority == "https://login.microsoftonline.us"


def test_an_empty_value_counts_as_absent():
    assert Settings.of(ENOUGH | {"IMPORT_CONCURRENCY": ""}).import_concurrency == 8


def test_a_catalog_urls_signature_stays_as_it_is():
    url = "https://contoso.blob.core.windows.net/c/catalog.yaml?sig=a%2Fb/"
    assert Settings.of(ENOUGH | {"CATALOG_URL": url}).catalog_url == url


def test_all_faults_are_told_at_once():
    with pytest.raises(Misconfigured) as told:
        Settings.of(
            {
                "AZURE_SUBSCRIPTION_ID": "contoso",
                "AzureWebJobsStorage__queueServiceUri": "http://contoso.queue.core.windows.net",
                "IMPORT_CONCURRENCY": "0",
            }
        )
    assert str(told.value).splitlines() == [
        "setting AZURE_SUBSCRIPTION_ID: expected a subscription's id, found 'contoso'",
        "setting AzureWebJobsStorage__queueServiceUri: expected a URL like https://…, "
        "found 'http://contoso.queue.core.windows.net'",
        "setting AzureWebJobsStorage__tableServiceUri: expected a URL like https://…, found nothing",
        "setting AzureWebJobsStorage__blobServiceUri: expected a URL like https://…, found nothing",
        "setting IMPORT_CONCURRENCY: expected a whole number from 1 to 100, found '0'",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMPORT_CONCURRENCY", "٣"),
        ("IMPORT_CONCURRENCY", "-1"),
        ("IMPORT_CONCURRENCY", "1e1"),
        ("IMPORT_CONCURRENCY", "9" * 5000),
        ("LOOK_AGAIN_SECONDS", "901"),
        ("WATCH_SECONDS", "9"),
        ("WATCH_SECONDS", "241"),
        ("WATCH_SPLIT", "0"),
        ("WATCH_SPLIT", "100001"),
        ("SCAN_TASK", "a scan"),
        ("SCAN_TASK", "scan"),
        ("ARM_ENDPOINT", "https://user@host"),
        ("ARM_ENDPOINT", "https://host:port"),
        ("ARM_ENDPOINT", "https://"),
        ("ENTRA_TENANT_ID", "contoso.onmicrosoft.com"),
        ("ENTRA_AUDIENCE", "breakwater"),
        ("ENTRA_AUDIENCE", "api://"),
        ("ENTRA_AUDIENCE", "api://an id"),
        ("ENTRA_AUTHORITY", "http://login.microsoftonline.com"),
        ("CATALOG_URL", "http://host/catalog.yaml"),
        ("CATALOG_URL", "file://host/catalog.yaml"),
        ("CATALOG_URL", "catalog.yaml"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str):
    with pytest.raises(Misconfigured, match=f"setting {name}: expected .*, found"):
        Settings.of(ENOUGH | {name: value})


SIGN_IN = {
    "ENTRA_TENANT_ID": "00000000-0000-0000-0000-0000000000aa",
    "ENTRA_AUDIENCE": "00000000-0000-0000-0000-0000000000cc",
}


@pytest.mark.parametrize("missing", SIGN_IN)
def test_a_tenant_and_an_audience_are_set_together_or_not_at_all(missing: str):
    (given,) = SIGN_IN.keys() - {missing}
    assert Settings.of(ENOUGH | SIGN_IN).entra_audience == SIGN_IN["ENTRA_AUDIENCE"]
    with pytest.raises(Misconfigured) as told:
        Settings.of(ENOUGH | SIGN_IN | {missing: " "})
    assert str(told.value) == (f"setting {missing}: expected a value beside {given}, found nothing")


SECRET = "s3cr3t-of-ours"  # nobody's


def test_credentials_and_secrets_are_known_by_the_name_in_their_settings_in_lower_case():
    settings = Settings.of(
        ENOUGH
        | {
            "UPSTREAM_HUB_USERNAME": "contoso",
            "UPSTREAM_HUB_PASSWORD": f" {SECRET}\n",
            "UPSTREAM_OUR_QUAY_2_USERNAME": "robot",
            "UPSTREAM_OUR_QUAY_2_PASSWORD": "other",
            "WEBHOOK_HUB_SECRET": SECRET,
            "WEBHOOK_EMPTY_SECRET": "",
            "UPSTREAM_EMPTY_USERNAME": " ",
        }
    )
    assert settings.credentials == {
        "hub": Credential("contoso", SECRET),
        "our_quay_2": Credential("robot", "other"),
    }
    assert settings.webhook_secrets == {"hub": SECRET}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("UPSTREAM_HUB_USERNAME", "UPSTREAM_HUB_PASSWORD"),
        ("UPSTREAM_HUB_PASSWORD", "UPSTREAM_HUB_USERNAME"),
    ],
)
def test_half_a_credential_is_a_fault_that_names_the_other_half(given: str, missing: str):
    with pytest.raises(Misconfigured) as told:
        Settings.of(ENOUGH | {given: SECRET, missing: " "})
    assert str(told.value) == f"setting {missing}: expected a value, found nothing"


@pytest.mark.parametrize(
    "name", ["UPSTREAM_HUB_USERNAME", "UPSTREAM_HUB_PASSWORD", "WEBHOOK_HUB_SECRET"]
)
def test_a_key_vault_reference_nobody_could_resolve_is_one_fault(name: str):
    whole = {"UPSTREAM_HUB_USERNAME": "contoso", "UPSTREAM_HUB_PASSWORD": SECRET}
    reference = "@Microsoft.KeyVault(VaultName=contoso;SecretName=hub)"
    with pytest.raises(Misconfigured) as told:
        Settings.of(ENOUGH | whole | {name: reference})
    assert str(told.value) == (
        f"setting {name}: expected a value, found a Key Vault reference that could not be resolved"
    )


def test_no_secret_is_shown_by_the_settings_or_their_faults():
    secrets = {
        "UPSTREAM_HUB_USERNAME": f"user-{SECRET}",
        "UPSTREAM_HUB_PASSWORD": f"password-{SECRET}",
        "WEBHOOK_HUB_SECRET": f"webhook-{SECRET}",
    }
    settings = Settings.of(ENOUGH | secrets)
    assert SECRET not in repr(settings)
    assert f"password-{SECRET}" not in repr(settings.credentials)
    with pytest.raises(Misconfigured) as told:
        Settings.of(ENOUGH | secrets | {"UPSTREAM_OTHER_PASSWORD": SECRET, "WATCH_SPLIT": "x"})
    assert SECRET not in str(told.value)
