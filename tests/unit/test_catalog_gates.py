"""A gate says what a report must be, what counts in it, and what else there must be; it contradicts nobody."""

from datetime import timedelta

import pytest

from shared.catalog import (
    Approval,
    CatalogInvalid,
    Counted,
    EndOfLife,
    Fault,
    Gate,
    Mode,
    Requirement,
    load,
)
from tests.builders import CATALOG

DEFAULTS = "  gate: { scan: trivy, block: high, age: 0h }\n"


def with_gates(defaults: str = "", own: str = "") -> str:
    text = CATALOG.replace(DEFAULTS, f"  gate: {{ {defaults} }}\n")
    return text + (f"    gate: {{ {own} }}\n" if own else "")


def gate_of(defaults: str = "", own: str = "") -> Gate:
    return load("x", with_gates(defaults, own)).images[0].gate


def fault_of(defaults: str = "", own: str = "") -> Fault:
    with pytest.raises(CatalogInvalid) as caught:
        load("x", with_gates(defaults, own))
    (fault,) = caught.value.faults
    return fault


def test_a_gate_that_says_nothing_of_reports_trusts_none_older_than_a_week():
    gate = gate_of()
    assert gate == Gate()
    assert (gate.max_age, gate.max_database_age) == (timedelta(days=7), timedelta(days=7))
    assert (gate.suppressed, gate.foreign) == (Counted.COUNT, Counted.COUNT)
    assert (gate.eol, gate.require, gate.skip_age_for_fixes) == (EndOfLife.ALLOW, (), False)


@pytest.mark.parametrize(
    ("said", "gate"),
    [
        ("max_age: 36h", Gate(max_age=timedelta(hours=36))),
        ("max_age: 60m", Gate(max_age=timedelta(hours=1))),
        ("max_age: 0h", Gate(max_age=timedelta())),
        ("max_database_age: 2d", Gate(max_database_age=timedelta(days=2))),
        ("max_database_age: 0m", Gate(max_database_age=timedelta())),
        ("suppressed: ignore", Gate(suppressed=Counted.IGNORE)),
        ("foreign: ignore", Gate(foreign=Counted.IGNORE)),
        ("eol: block", Gate(eol=EndOfLife.BLOCK)),
        ("require: [sbom]", Gate(require=(Requirement.SBOM,))),
        ("require: [signature, sbom]", Gate(require=(Requirement.SIGNATURE, Requirement.SBOM))),
        ("skip_age_for_fixes: true", Gate(skip_age_for_fixes=True)),
        ("approval: manual", Gate(approval=Approval.MANUAL)),
        ("mode: observe", Gate(mode=Mode.OBSERVE)),
    ],
)
def test_a_key_says_the_same_in_the_defaults_and_in_an_image(said: str, gate: Gate):
    assert gate_of(said) == gate
    assert gate_of(own=said) == gate


@pytest.mark.parametrize(
    ("own", "require"),
    [
        ("block: low", (Requirement.SBOM, Requirement.SIGNATURE)),
        ("require: [signature]", (Requirement.SIGNATURE,)),
        ("require: []", ()),
    ],
)
def test_an_image_s_list_replaces_the_defaults(own: str, require: tuple[Requirement, ...]):
    assert gate_of("require: [sbom, signature]", own).require == require


# What a gate says, then the one fault: its key, what was expected and what found.
ONE_FAULT = [
    ("max_age: week", "max_age", "a duration like 24h or 7d", "'week'"),
    ("max_age: 7", "max_age", "a duration like 24h or 7d", "7 (a number)"),
    ("max_age: 59m", "max_age", "at least 1h, or 0h for any", "'59m'"),
    ("max_database_age: 1m", "max_database_age", "at least 1h, or 0h for any", "'1m'"),
    ("suppressed: yes", "suppressed", "'count' or 'ignore'", "'yes'"),
    ("foreign: true", "foreign", "'count' or 'ignore'", "true"),
    ("eol: reject", "eol", "'allow' or 'block'", "'reject'"),
    ("require: sbom", "require", "a list", "'sbom'"),
    ("require: [sbom, slsa]", "require[1]", "'sbom' or 'signature'", "'slsa'"),
    ("require: [sbom, sbom]", "require[1]", "a requirement named once (first on line", "'sbom'"),
    ("require:", "require", "a list", "nothing"),
    ("skip_age_for_fixes: 1", "skip_age_for_fixes", "true or false", "1"),
    ("database_age: 7d", "database_age", "did you mean 'max_database_age'?", "'database_age'"),
    ("skip_age: true", "skip_age", "a known key", "'skip_age'"),
]


@pytest.mark.parametrize(("said", "key", "expected", "found"), ONE_FAULT)
def test_a_fault_of_a_gate_is_told_where_it_is(said: str, key: str, expected: str, found: str):
    for fault, place in ((fault_of(said), "defaults"), (fault_of(own=said), "images[0]")):
        assert fault.path == f"{place}.gate.{key}"
        assert expected in fault.expected
        assert found in fault.found


UNSCANNED = "scan: none, reason: data"


@pytest.mark.parametrize(
    "key",
    [
        "block: low",
        "fixable_only: false",
        "compare: not-worse",
        "max_age: 1d",
        "max_database_age: 0h",
        "suppressed: count",
        "foreign: ignore",
        "eol: block",
        "skip_age_for_fixes: true",
    ],
)
def test_an_image_that_is_not_scanned_says_nothing_of_findings(key: str):
    name = key.partition(":")[0]
    beside, under = fault_of(own=f"{UNSCANNED}, {key}"), fault_of(UNSCANNED, own=key)
    assert (beside.path, under.path) == (f"images[0].gate.{name}",) * 2
    assert f"no `{name}` beside `scan: none`" in beside.expected
    assert f"no `{name}` under the defaults' `scan: none`" in under.expected


@pytest.mark.parametrize(
    ("defaults", "own"),
    [
        ("block: low, compare: not-worse, max_age: 1d, eol: block", UNSCANNED),
        (f"{UNSCANNED}, block: low", "scan: trivy, compare: not-worse"),
        (f"{UNSCANNED}, block: low", "dwell: 0h"),
        ("", f"{UNSCANNED}, age: 1h, dwell: 1h, approval: manual, mode: observe"),
        ("", f"{UNSCANNED}, require: [signature]"),
    ],
)
def test_what_the_defaults_say_for_others_does_not_collide(defaults: str, own: str):
    assert isinstance(gate_of(defaults, own), Gate)


@pytest.mark.parametrize(
    ("own", "demands"),
    [
        (f"{UNSCANNED}, age: 0h, approval: manual", True),
        (f"{UNSCANNED}, age: 0h, approval: none", False),
        (f"{UNSCANNED}, age: 0h, require: [sbom]", False),
    ],
)
def test_somebody_s_word_is_demand_enough(own: str, demands: bool):
    text = with_gates(own=own).replace("    test: { script: tests/node.sh }\n", "")
    if demands:
        assert load("x", text).images[0].gate.approval is Approval.MANUAL
        return
    with pytest.raises(CatalogInvalid, match="a gate that demands something"):
        load("x", text)


def test_what_no_run_makes_yet_is_noted_with_who_waits_for_it():
    text = with_gates("require: [signature, sbom]")
    text += "  - { source: docker.io/library/x, tags: [a], gate: { require: [] } }\n"
    text += "  - { source: docker.io/library/y, tags: [a], gate: { mode: observe } }\n"
    (note,) = load("x", text).notes
    assert "`require: [sbom, signature]` cannot be met yet" in note
    assert note.endswith("`override`: node.")


def test_vex_documents_are_files_beside_the_catalog():
    assert load("x", CATALOG).vex == ()
    assert load("x", f"{CATALOG}vex: [a.json, vex/b.json]\n").vex == ("a.json", "vex/b.json")


@pytest.mark.parametrize(
    ("said", "path", "expected"),
    [
        ("a.json", "vex", "a list"),
        ("[a.yaml]", "vex[0]", "ends in .json"),
        ("[../a.json]", "vex[0]", "a relative path"),
        ("[/a.json]", "vex[0]", "a relative path"),
        ("['https://a.io/a.json']", "vex[0]", "a relative path"),
        ("[a.json, b.json, a.json]", "vex[2]", "a file named once (first on line 11)"),
    ],
)
def test_a_fault_of_a_vex_document_is_told_where_it_is(said: str, path: str, expected: str):
    with pytest.raises(CatalogInvalid) as caught:
        load("x", f"{CATALOG}vex: {said}\n")
    (fault,) = caught.value.faults
    assert (fault.line, fault.path) == (11, path)
    assert expected in fault.expected
