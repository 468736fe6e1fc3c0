"""host.json and app settings of the functions host, and what indexing makes of them."""

import json

import pytest

from local.functions_host.hostjson import HostJson, parse_host_json
from local.functions_host.indexing import IndexingError, poison_name, read_functions
from local.functions_host.settings import Connection, Settings, SettingsError, read_settings

NONE = Settings({})


def parsed(document: dict[str, object], **settings: str) -> HostJson:
    return parse_host_json({"version": "2.0"} | document, Settings(settings), 2)


def queue_function(**binding: str) -> dict[str, object]:
    trigger = {
        "type": "queueTrigger",
        "direction": "IN",
        "name": "m",
        "queueName": "jobs",
    } | binding
    return {"name": "f", "id": "1", "bindings": [json.dumps(trigger)], "retry": None}


def test_the_defaults_are_those_of_a_development_environment():
    host = parsed({})
    assert (host.queues.batch_size, host.queues.new_batch_threshold) == (16, 16)
    assert (host.queues.max_polling_interval, host.queues.max_dequeue_count) == (2.0, 5)
    assert (host.route_prefix, host.function_timeout) == ("api", 1800.0)


def test_what_host_json_says_is_honoured_whatever_its_case():
    queues = {
        "BatchSize": 1,
        "visibilityTimeout": "00:00:30",
        "maxPollingInterval": "00:00:15",
        "messageEncoding": "none",
    }
    host = parsed(
        {
            "functionTimeout": "-1",
            "extensions": {"queues": queues, "http": {"routePrefix": "/"}},
            "logging": {"logLevel": {"default": "Warning", "Function.look.User": "Debug"}},
        }
    )
    assert (host.queues.batch_size, host.queues.new_batch_threshold) == (1, 0)
    assert (host.queues.visibility_timeout, host.queues.max_polling_interval) == (30.0, 15.0)
    assert not host.queues.base64
    assert (host.route_prefix, host.function_timeout) == ("", None)
    assert host.log_levels == {"default": "Warning", "Function.look.User": "Debug"}


def test_app_settings_override_host_json():
    host = parsed(
        {"extensions": {"queues": {"batchSize": 4}}},
        AzureFunctionsJobHost__extensions__queues__batchSize="7",
        AzureFunctionsJobHost__functionTimeout="00:01:00",
    )
    assert (host.queues.batch_size, host.function_timeout) == (7, 60.0)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"version": "1.0"}, "version: expected \"2.0\", found '1.0'"),
        (
            {"extensions": {"queues": {"batchSize": 33}}},
            "batchsize: expected a number from 1 to 32",
        ),
        ({"functionTimeout": "soon"}, "functiontimeout: expected a TimeSpan"),
        ({"extensions": {"queues": {"messageEncoding": "hex"}}}, "expected base64 or none"),
    ],
)
def test_what_is_wrong_in_host_json_is_named(document, said):
    with pytest.raises(SettingsError, match=said):
        parsed(document)


def test_placeholders_are_resolved_whatever_their_case():
    assert Settings({"Jobs": "a"}).resolve("%JOBS%-%Jobs%") == "a-a"
    with pytest.raises(SettingsError, match="'%NO%' does not resolve to a value"):
        NONE.resolve("%NO%")


@pytest.mark.parametrize(
    ("values", "connection"),
    [
        ({"C": "string"}, Connection(connection_string="string")),
        ({"AzureWebJobsC": "string"}, Connection(connection_string="string")),
        ({"C": "string", "C__queueServiceUri": "u"}, Connection(connection_string="string")),
        (
            {"C__queueServiceUri": "https://q/", "C__clientId": "me"},
            Connection(url="https://q", client_id="me"),
        ),
        ({"C__accountName": "acct"}, Connection(url="https://acct.queue.core.windows.net")),
    ],
)
def test_a_connection_is_a_string_or_an_address(values, connection):
    assert Settings(values).connection("C") == connection


def test_development_storage_is_azurite():
    found = Settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}).connection("")
    assert "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1" in found.connection_string


def test_the_worker_inherits_trust_and_identity_and_nothing_else():
    inherited = {
        "PATH": "p",
        "REQUESTS_CA_BUNDLE": "ca",
        "SSL_CERT_FILE": "ca",
        "IDENTITY_ENDPOINT": "i",
        "PYTHONPATH": "x",
        "SECRET": "x",
        "A": "inherited",
    }
    environment = Settings({"A": "own"}).environment(inherited)
    assert environment == {
        "PATH": "p",
        "REQUESTS_CA_BUNDLE": "ca",
        "SSL_CERT_FILE": "ca",
        "IDENTITY_ENDPOINT": "i",
        "A": "own",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
    }


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"Values": {"N": 1}}, "Values.N: expected a string, found 1"),
        ({"Values": {}, "Host": {"Keys": {"mastr": "x"}}}, "Host.Keys.mastr"),
        ([], "expected an object"),
    ],
)
def test_what_is_wrong_in_a_settings_file_is_named(tmp_path, document, said):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsError, match=said):
        read_settings(path)


def test_a_function_is_indexed_with_its_settings():
    settings = Settings({"Q": "Jobs", "AzureWebJobsStorage": "s"})
    bundle = HostJson(extension_bundle=True)
    (function,) = read_functions([queue_function(queueName="%Q%")], settings, bundle)
    assert function.trigger.text("queueName") == "Jobs"


def test_every_fault_of_an_app_is_told_at_once():
    with pytest.raises(IndexingError) as found:
        read_functions(
            [queue_function(queueName="%NO%"), queue_function(queueName="a--b"), queue_function()],
            NONE,
            HostJson(extension_bundle=True),
        )
    first, second, third = str(found.value).splitlines()
    assert first == (
        "The 'f' function is in error: Error indexing method 'Functions.f': "
        "'%NO%' does not resolve to a value."
    )
    assert "expected 3 to 63 of a-z" in second
    assert "expected the setting AzureWebJobsStorage" in third


def test_a_disabled_function_needs_no_settings():
    settings = Settings({"AzureWebJobs.f.Disabled": "true"})
    (function,) = read_functions([queue_function(queueName="%NO%")], settings, HostJson())
    assert function.disabled


@pytest.mark.parametrize(
    ("queue", "poison"),
    [
        ("jobs", "jobs-poison"),
        ("jobs-poison", ""),
        ("a" * 56, "a" * 56 + "-poison"),
        ("a" * 57, ""),
    ],
)
def test_poison_queues_are_named_after_their_queue_if_that_fits(queue, poison):
    assert poison_name(queue) == poison
