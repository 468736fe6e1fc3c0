"""Nothing but identifiers ever becomes a value of a run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.azure.task_values import rebuild_request, run_request
from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.values import ScanRequest, TestRequest

TASK = "/subscriptions/s/registries/contosostaging/tasks/scan"
SCAN = ScanRequest(
    repository=Repository("contosostaging.azurecr.io", "library/node"),
    digest=Digest.of(b"white"),
    platform=Platform("linux", "amd64"),
    candidate="0" * 32,
    timeout=600,
)
TEST = TestRequest(
    **{n: getattr(SCAN, n) for n in SCAN.__slots__}, context="tasks-source/2026/a.tar.gz"
)
BREAKOUTS = [
    "'; touch x; '",
    "a\n",
    "\na",
    "{{.Run.ID}}",
    "{{",
    "$ID",
    "",
    "a" * 4096,
    "a b",
    "#",
    "a`id`",
    "٣",
]


def _values(request: ScanRequest | TestRequest) -> dict[str, str]:
    override = run_request(TASK, request)["overrideTaskStepProperties"]
    return {each["name"]: each["value"] for each in override["values"]}


def _forged(kind: type, attribute: str, text: str) -> object:
    """Make a value that its own type would refuse, as a bug somewhere else might."""
    forged: object = object.__new__(kind)
    for name in kind.__slots__:  # type: ignore[attr-defined] # every value type here has slots
        object.__setattr__(forged, name, "")
    object.__setattr__(forged, attribute, text)
    return forged


def test_a_scan_has_these_values_and_nothing_else():
    assert run_request(TASK, SCAN) == {
        "type": "TaskRunRequest",
        "taskId": TASK,
        "overrideTaskStepProperties": {
            "values": [
                {"name": "repository", "value": "library/node", "isSecret": False},
                {"name": "digest", "value": str(SCAN.digest), "isSecret": False},
                {"name": "platform", "value": "linux/amd64", "isSecret": False},
                {"name": "candidate", "value": "0" * 32, "isSecret": False},
                {"name": "seconds", "value": "600", "isSecret": False},
            ]
        },
    }


def test_a_test_has_a_context_besides():
    override = run_request(TASK, TEST)["overrideTaskStepProperties"]
    assert override["contextPath"] == "tasks-source/2026/a.tar.gz"
    assert _values(TEST) == _values(SCAN)


def test_a_rebuild_changes_nothing_of_its_task():
    assert rebuild_request(TASK) == {"type": "TaskRunRequest", "taskId": TASK}


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386"])
def test_known_platforms_pass(platform: str):
    assert _values(replace(SCAN, platform=Platform.parse(platform)))["platform"] == platform


@pytest.mark.parametrize("platform", ["unknown/unknown", "plan9/amd64", "linux/vax"])
def test_other_platforms_are_refused(platform: str):
    with pytest.raises(Permanent, match="platform"):
        run_request(TASK, replace(SCAN, platform=Platform.parse(platform)))


@pytest.mark.parametrize("text", BREAKOUTS)
@pytest.mark.parametrize("request_", [SCAN, TEST], ids=["scan", "test"])
@pytest.mark.parametrize("name", ["repository", "digest", "platform", "candidate", "seconds"])
def test_no_breakout_becomes_a_value(name: str, request_: ScanRequest | TestRequest, text: str):
    forged: dict[str, dict[str, object]] = {
        "repository": {"repository": _forged(Repository, "path", text)},
        "digest": {"digest": _forged(Digest, "text", text)},
        "platform": {"platform": _forged(Platform, "os", text)},
        "candidate": {"candidate": text},
        "seconds": {"timeout": text},
    }
    with pytest.raises(Permanent, match=name):
        run_request(TASK, replace(request_, **forged[name]))  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize(
    "context", [*BREAKOUTS, "/etc/passwd", "../x", "a/../x", "https://evil.example/x.git", "x#y"]
)
def test_no_breakout_becomes_a_context(context: str):
    with pytest.raises(Permanent, match="context"):
        run_request(TASK, replace(TEST, context=context))


@given(st.text())
def test_whatever_becomes_a_candidate_is_hex(text: str):
    try:
        value = _values(replace(SCAN, candidate=text))["candidate"]
    except Permanent:
        return
    assert len(value) == 32
    assert set(value) <= set("0123456789abcdef")


@pytest.mark.parametrize("seconds", [-1, 100000])
def test_seconds_are_one_to_five_digits(seconds: int):
    with pytest.raises(Permanent, match="seconds"):
        run_request(TASK, replace(SCAN, timeout=seconds))
