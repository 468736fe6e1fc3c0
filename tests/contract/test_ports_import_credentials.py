"""Imports from private upstreams: whose credentials ARM is given, how wrong ones fail, and what is never said."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.images import push
from shared.azure.import_sources import ImportSources, unsaid, without
from shared.azure.imports import ArmImports
from shared.catalog import Upstream
from shared.errors import Misconfigured, Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.values import Credential, ImportState, ImportStatus
from tests.contract.arm_adapters import imports_of, registries_of
from tests.contract.arm_world import World, an_image, world
from tests.contract.plain_registry import PASSWORD, USER, fill, plain_registry
from tests.contract.waiting import eventually

USERS = {"team": Credential(USER, PASSWORD)}
WRONG = "wrong-battery-staple"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as made:
        yield made


def ended(
    here: World, imports: ArmImports, source: Repository, digest: Digest, upstream: Upstream | None
) -> ImportStatus:
    operation = imports.start(
        source=source,
        digest=digest,
        target=Repository(here.staging.login_server, "app"),
        tags=("1",),
        upstream=upstream,
    )
    found: list[ImportStatus] = []

    def has_ended() -> bool:
        found.append(imports_of(here).poll(operation))  # another process polls
        return found[-1].state is not ImportState.RUNNING

    eventually(has_ended, what=lambda: f"the end of {operation}")
    return found[-1]


def test_a_registry_behind_basic_auth_is_imported_from_with_the_credentials_it_names(
    here: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    built = an_image()
    with plain_registry(tmp_path, private=True) as url:
        fill(url, "team/app", "1", built)
        source = Repository(url.removeprefix("http://"), "team/app")
        private = Upstream(source.registry, credentials="TEAM")
        wrong = imports_of(here, credentials={"team": Credential(USER, WRONG)})
        refused = [
            ended(here, imports_of(here), source, built.digest, None),
            ended(here, wrong, source, built.digest, private),
        ]
        right = imports_of(here, credentials=USERS)
        assert ended(here, right, source, built.digest, private) == ImportStatus(
            ImportState.SUCCEEDED
        )

    for status in refused:
        assert status.state is ImportState.FAILED
        assert "Invalid message Unauthorized" in status.error
        assert here.staging.resource_id in status.error
    assert here.staging.manifest("app", "1") is not None
    said = f"{caplog.text} {refused} {right!r} {vars(right)!r}"
    assert PASSWORD not in said
    assert WRONG not in said


def test_another_acr_is_read_with_a_token_of_the_apps_identity_when_arm_does_not_show_it(
    here: World,
):
    digest = push(an_image(), here.apps, "team/app", "1")
    source = Repository(here.apps.login_server, "team/app")
    there = Upstream(source.registry, entra=True)
    principal = here.directory.add("pusher")
    token = here.directory.token(principal, "https://containerregistry.azure.net")

    imports = imports_of(here, sees="importer", entra=lambda: token)
    assert ended(here, imports, source, digest, there).state is ImportState.SUCCEEDED

    stranger = here.directory.token(
        here.directory.add("stranger"), "https://containerregistry.azure.net"
    )
    imports = imports_of(here, sees="importer", entra=lambda: stranger)
    refused = ended(here, imports, source, digest, there)
    assert refused.state is ImportState.FAILED
    assert stranger not in refused.error


def test_another_acr_that_is_named_by_its_id_needs_a_role_there(here: World):
    digest = push(an_image(), here.apps, "team/app", "1")
    source = Repository("contosoapps.azurecr.example", "team/app")
    there = Upstream(source.registry, resource_id=here.apps.resource_id, entra=True)

    here.directory.grant(here.directory.add("newcomer"), "contosostaging", "Importer")
    refused = ended(here, imports_of(here, "newcomer"), source, digest, there)
    assert f"Access to {here.apps.login_server} denied" in refused.error
    found = ended(here, imports_of(here), source, digest, there)
    assert (found.state, found.error) == (ImportState.SUCCEEDED, "")


def sources(here: World, **named: Any) -> ImportSources:
    return ImportSources(registries_of(here), **named)


def test_what_arm_is_told_of_each_kind_of_source(here: World):
    known = sources(here, credentials=USERS, entra=lambda: "a-token")
    ours, hub = here.apps.login_server, Upstream("docker.io", credentials="team")
    credentials = {"username": USER, "password": PASSWORD}
    by_id = Upstream("x.azurecr.io", resource_id="/subscriptions/x")

    assert known.where("docker.io", None) == {"registryUri": "docker.io"}
    assert known.where("registry-1.docker.io", None) == {"registryUri": "docker.io"}
    assert known.where("docker.io", hub) == {"registryUri": "docker.io", "credentials": credentials}
    assert known.where("ghcr.io", Upstream("ghcr.io")) == {"registryUri": "ghcr.io"}
    assert known.where("x.azurecr.io", by_id) == {"resourceId": "/subscriptions/x"}
    # ARM takes no credentials with an id; those are for looking.
    both = replace(by_id, credentials="team")
    assert known.where("x.azurecr.io", both) == {"resourceId": "/subscriptions/x"}
    assert known.where(ours, Upstream(ours, entra=True)) == {"resourceId": here.apps.resource_id}
    assert known.where("x.azurecr.io", Upstream("x.azurecr.io", entra=True)) == {
        "registryUri": "x.azurecr.io",
        "credentials": {"password": "a-token"},
    }


def test_credentials_that_are_not_in_the_settings_are_named(here: World):
    missing = Upstream("ghcr.io", credentials="gh_bot")
    with pytest.raises(Misconfigured, match="UPSTREAM_GH_BOT_USERNAME and UPSTREAM_GH_BOT_PASSW"):
        sources(here).where("ghcr.io", missing)
    with pytest.raises(Misconfigured, match="identity"):
        sources(here).where("x.azurecr.io", Upstream("x.azurecr.io", entra=True))


def test_no_error_repeats_a_secret_even_when_azure_does(here: World):
    known = sources(here, credentials=USERS)
    where = known.where("ghcr.io", Upstream("ghcr.io", credentials="team"))
    text = json.dumps(where)

    def fail() -> None:
        raise Transient(text, retry_after=3) from ValueError(text)

    with pytest.raises(Transient, match="•••") as failed, unsaid(known.secrets(where)):
        fail()
    assert PASSWORD not in str(failed.value)
    assert failed.value.retry_after == 3
    assert failed.value.__cause__ is None
    assert without(("", "se", "secret"), "a secret") == "a •••"
