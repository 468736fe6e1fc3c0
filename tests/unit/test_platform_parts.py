"""The small parts of the local Azure: what it deploys, its faults by HTTP, its claim on a folder."""

import base64

import pytest

from local.acr.registry import Switches
from local.directory import Directory
from local.faults import Fault, Kind
from local.platform import deployment, samples
from local.platform.claim import Claim, Running
from local.platform.control import BadRequest, read_fault, read_switches, shown
from local.platform.ports import Ports
from local.platform.principals import APPS, BASE, STAGING, populate


def test_a_task_logs_in_as_its_own_identity_and_nobody_else():
    scan = Directory().add("scan")
    body = deployment.task("tools: '{tools}'", "localhost:2/tools/cssc@d", scan, ["localhost:1"])
    assert body["properties"]["credentials"] == {
        "sourceRegistry": {"loginMode": "None"},
        "customRegistries": {"localhost:1": {"identity": scan.client_id}},
    }
    [identity] = body["identity"]["userAssignedIdentities"]
    assert identity.endswith("/userAssignedIdentities/scan")


def test_a_task_names_the_tool_image_by_digest():
    body = deployment.task("tools: '{tools}'", "localhost:2/tools/cssc@d", Directory().add("s"), [])
    encoded = body["properties"]["step"]["encodedTaskContent"]
    assert base64.b64decode(encoded) == b"tools: 'localhost:2/tools/cssc@d'"


def test_a_task_whose_yaml_is_missing_is_named(tmp_path):
    with pytest.raises(deployment.NotDeployed, match=r"infra/tasks/scan\.yaml: expected"):
        deployment.read_task(tmp_path, "scan")


@pytest.mark.parametrize(
    ("name", "registry", "may", "may_not"),
    [
        ("breakwater", STAGING, {"push", "import", "tasks"}, {"delete"}),
        ("breakwater", BASE, {"push", "import"}, {"delete", "tasks"}),
        ("breakwater", APPS, {"read", "tasks"}, {"push", "pull"}),
        ("scan", STAGING, {"pull", "push"}, {"delete", "import"}),
        ("scan", BASE, {"pull"}, {"push"}),
        ("test", STAGING, {"pull"}, {"push", "metadata_write"}),
        ("test", BASE, {"pull"}, {"push"}),
        ("test", APPS, set(), {"pull"}),
        ("apps", APPS, {"push"}, {"delete"}),
        ("operator", STAGING, {"delete", "push", "tasks", "catalog"}, set()),
    ],
)
def test_everybody_may_do_what_the_roles_say_and_no_more(name, registry, may, may_not):
    directory = Directory()
    principal = getattr(populate(directory, "password"), name)
    actions = directory.actions(principal, registry)
    assert may <= actions
    assert not may_not & actions


def test_the_operator_logs_in_with_the_password():
    directory = Directory()
    principals = populate(directory, "password")
    assert directory.by_password("breakwater", "password") == principals.operator
    assert directory.by_password("breakwater", "wrong") is None


def test_a_fault_is_read_and_shown_alike():
    body = {
        "operation": "arm.importImage",
        "kind": "fail-after",
        "count": 2,
        "match": "node",
        "status": 500,
        "seconds": 0.5,
    }
    assert shown(read_fault(body)) == body | {"fired": 0}


def test_a_fault_needs_only_its_operation_and_kind():
    assert read_fault({"operation": "o", "kind": "drop"}) == Fault("o", Kind.DROP)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "fail"}, "operation: expected the name of an operation"),
        ({"operation": "o"}, "kind: expected one of fail, fail-after, .*found None"),
        ({"operation": "o", "kind": "explode"}, "found 'explode'"),
        ({"operation": "o", "kind": "fail", "count": "2"}, "count: expected int, found '2'"),
        ({"operation": "o", "kind": "fail", "count": True}, "count: expected int, found True"),
        ({"operation": "o", "kind": "fail", "fired": 1}, "fired: expected one of operation"),
    ],
)
def test_a_wrong_fault_is_refused_by_field(body, said):
    with pytest.raises(BadRequest, match=said):
        read_fault(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"unknown": True}, "unknown: expected one of import_raises_event"),
        ({"import_raises_event": 1}, "import_raises_event: expected bool, found 1"),
        ({"referrers_per_minute": True}, "referrers_per_minute: expected int, found True"),
    ],
)
def test_a_wrong_switch_is_refused_by_field(body, said):
    with pytest.raises(BadRequest, match=said):
        read_switches(body)


def test_every_switch_can_be_read():
    for name, value in vars(Switches()).items():
        assert read_switches({name: value}) == {name: value}


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    claim = Claim(tmp_path / "work")
    assert not claim.taken()
    with claim.held():
        claim.tell({"pid": 42})
        assert claim.taken()
        with (
            pytest.raises(Running, match=r"already running .*process 42"),
            Claim(claim.work).held(),
        ):
            pass
        assert claim.note() == {"pid": 42}
    assert not claim.taken()
    assert claim.note() == {}


CATALOG = (
    "staging: localhost:5001\nbase: localhost:5002/base\nsource: localhost:5000/library/node\n"
)


def test_a_catalog_on_the_usual_ports_stays_as_it_is(tmp_path):
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    assert samples.catalog(tmp_path, tmp_path / "work", Ports()) is None


def test_a_catalog_on_other_ports_names_them(tmp_path):
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    (tmp_path / "image-tests").mkdir()
    (tmp_path / "image-tests" / "node.sh").write_text("true")
    assert samples.catalog(tmp_path, tmp_path / "work", Ports.starting_at(5001)) == (
        "staging: localhost:5002\nbase: localhost:5003/base\nsource: localhost:5001/library/node\n"
    )
    assert (tmp_path / "work" / "image-tests" / "node.sh").read_text() == "true"
