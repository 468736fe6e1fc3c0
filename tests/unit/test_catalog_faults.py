"""Every fault of a catalog is told at once, with its line, its path, what was expected and found."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog import Catalog, CatalogInvalid, Fault, load
from shared.errors import Misconfigured
from tests.builders import CATALOG
from tests.builders import FULL_CATALOG as FULL


def faults_of(text: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(CatalogInvalid) as caught:
        load("catalog.yaml", text)
    return caught.value.faults


def changed(old: str, new: str) -> str:
    assert FULL.count(old) == 1, old
    return FULL.replace(old, new)


# One line each: what stood there, what stands there now, and the one fault that is told.
ONE_FAULT = [
    ("staging: contosostaging.azurecr.io\n", "", 1, "staging", "this key", "nothing"),
    ("contosostaging.azurecr.io", "a b", 1, "staging", "a registry, or a prefix", "'a b'"),
    ("contosostaging.azurecr.io", "a.io/", 1, "staging", "a registry, or a prefix", "'a.io/'"),
    ("contosostaging.azurecr.io", "[a]", 1, "staging", "text", "a list"),
    ("contosostaging.azurecr.io", "", 1, "staging", "text", "nothing"),
    ("contosostaging.azurecr.io", "contosobase.azurecr.io", 2, "base", "outside staging", "'conto"),
    ("contosostaging.azurecr.io", "contosobase.azurecr.io/base/x", 2, "base", "outside staging", ""),
    ("contosostaging.azurecr.io", "CONTOSOBASE.azurecr.io/base", 2, "base", "outside staging", ""),
    ("[contosoapps.azurecr.io]", "contosoapps", 3, "apps", "a list", "'contosoapps'"),
    ("[contosoapps.azurecr.io]", "[a.io/b]", 3, "apps[0]", "a login server", "'a.io/b'"),
    ("[contosoapps.azurecr.io]", "[a.io, a.io]", 3, "apps[1]", "first on line 3", "'a.io'"),
    ("apps:", "aps:", 3, "aps", "did you mean 'apps'?", "'aps'"),
    ("apps:", "zzz:", 3, "zzz", "staging, base, apps, defaults, images", "'zzz'"),
    ("[linux/amd64, linux/arm64]", "[]", 5, "defaults.platforms", "at least one", "an empty list"),
    ("linux/arm64]", "linux/arm64/v8]", 5, "defaults.platforms[1]", "plain form", "'linux/arm64/v8'"),
    ("linux/arm64]", "linux/amd64]", 5, "defaults.platforms[1]", "named once", "'linux/amd64'"),
    ("scan: trivy", "scan: grype", 7, "defaults.gate.scan", "'trivy' or 'none'", "'grype'"),
    ("scan: trivy", "scan: none", 7, "defaults.gate.scan", "`reason`", "none"),
    ("block: high", "block: hi", 8, "defaults.gate.block", "'low', 'medium', 'high' or", "'hi'"),
    ("block: high", "blok: high", 8, "defaults.gate.blok", "did you mean 'block'?", "'blok'"),
    ("fixable_only: false", "fixable_only: no", 9, "defaults.gate.fixable_only", "true or false", "'no'"),
    ("fixable_only: false", "fixable_only: 0", 9, "defaults.gate.fixable_only", "true or false", "0"),
    ("not-worse", "better", 10, "defaults.gate.compare", "'any' or 'not-worse'", "'better'"),
    ("age: 24h", "age: soon", 11, "defaults.gate.age", "a duration like", "'soon'"),
    ("age: 24h", "age: 24", 11, "defaults.gate.age", "a duration like", "24 (a number)"),
    ("age: 24h", "age: -1h", 11, "defaults.gate.age", "a duration like", "'-1h'"),
    ("age: 24h", "age:", 11, "defaults.gate.age", "text", "nothing"),
    ("approval: none", "approval: me", 13, "defaults.gate.approval", "'none' or 'manual'", "'me'"),
    ("mode: enforce", "mode: dream", 14, "defaults.gate.mode", "'enforce' or 'observe'", "'dream'"),
    ("tests/any.sh", "/tests/any.sh", 15, "defaults.test.script", "a relative path", "'/tests/any.sh'"),
    ("{ script: tests/any.sh }", "", 15, "defaults.test", "a value", "nothing"),
    ("docker.io/library/node", "node", 17, "images[0].source", "host/repository", "'node'"),
    ("docker.io/library/node", "docker.io/node", 17, "images[0].source", "like docker.io/library/node", ""),
    ("docker.io/library/node", "a.io/n:1", 17, "images[0].source", "without tag or digest", "'a.io/n:1'"),
    (
        "docker.io/library/node",
        "contosobase.azurecr.io/base/node",
        17,
        "images[0].source",
        "outside staging and base",
        "'contosobase.azurecr.io/base/node'",
    ),
    ("[20-alpine, 22-alpine]", "20-alpine", 18, "images[0].tags", "a list", "'20-alpine'"),
    ("[20-alpine, 22-alpine]", "[]", 18, "images[0].tags", "at least one entry", "an empty list"),
    ("[20-alpine, 22-alpine]", "[20]", 18, "images[0].tags[0]", "text", '20 (a number; text needs quotes: "20")'),
    ("[20-alpine, 22-alpine]", "[3.10]", 18, "images[0].tags[0]", "text", '"3.10"'),
    ("[20-alpine, 22-alpine]", "[a/b]", 18, "images[0].tags[0]", "a tag of at most 111", "'a/b'"),
    ("[20-alpine, 22-alpine]", f"[{'a' * 112}]", 18, "images[0].tags[0]", "at most 111", "'aaa"),
    ("22-alpine]", "20-alpine]", 18, "images[0].tags[1]", "named once", "'20-alpine'"),
    ("22-alpine]", "a-3f2a9c1d7b0455e1]", 18, "images[0].tags[1]", "like a unique tag", "'a-3f"),
    ("script: tests/node.sh", "script: ../x.sh", 20, "images[0].test.script", "a relative path", "'../x.sh'"),
    ("script: tests/node.sh", "script: a/../x.sh", 20, "images[0].test.script", "a relative path", ""),
    ("script: tests/node.sh", "script: a;b", 20, "images[0].test.script", "a relative path", "'a;b'"),
    ("script: tests/node.sh", "{}", 19, "images[0].test.script", "this key", "nothing"),
    ("[linux/amd64]", "[linux/amd64, linux/amd64]", 23, "images[1].platforms[1]", "named once", ""),
    ("name: tools/trivy-db", "name: Tools", 22, "images[1].name", "a repository path", "'Tools'"),
    ("name: tools/trivy-db", "name: node", 22, "images[1].name", "line 17 has this one", "'node'"),
    ("name: tools/trivy-db", f"name: {'a' * 253}", 22, "images[1].name", "255 characters", "'aaa"),
    (", reason: data for the scanner", "", 25, "images[1].gate.scan", "`reason`", "none"),
    ("reason: data for the scanner", "reason: ' '", 25, "images[1].gate.reason", "a few words", "' '"),
    ("image: node", "image: 'no;de'", 27, "waivers[0].image", "a glob", "'no;de'"),
    ("reason: not reachable, ", "", 27, "waivers[0].reason", "this key", "nothing"),
    ("2027-01-31", "2027-02-30", 27, "waivers[0].expires", "a day like", "'2027-02-30'"),
    ("2027-01-31", "20270131", 27, "waivers[0].expires", "a day like", "20270131 (a number)"),
    ("approval: none", "approval: true", 13, "defaults.gate.approval", "'none' or 'manual'", "true (no text)"),
    ("github: contoso/shop", "github: contoso", 29, "rebuild[0].github", "owner/repository", "'contoso'"),
    ("workflow: build.yml", "workflow: ../x.yml", 29, "rebuild[0].workflow", "a workflow file", ""),
    ("ref: main", "ref: a..b", 29, "rebuild[0].ref", "a branch or tag", "'a..b'"),
    ("base/node", "Base/node", 29, "rebuild[0].when", "a repository path", "'Base/node'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "expected", "found"),
    ONE_FAULT,
    ids=[f"{number} {each[3]}" for number, each in enumerate(ONE_FAULT)],
)
def test_a_fault_is_told_where_it_is(old, new, line, path, expected, found):
    (fault,) = faults_of(changed(old, new))
    assert (fault.line, fault.path) == (line, path)
    assert expected in fault.expected
    assert found in fault.found


def test_the_catalog_these_faults_are_made_from_has_none():
    assert isinstance(load("catalog.yaml", FULL), Catalog)


def test_a_gate_that_demands_nothing_is_a_fault():
    nothing = "    gate: { scan: none, age: 0h, reason: just because }\n"
    text = CATALOG.replace("    test: { script: tests/node.sh }\n", nothing)
    (fault,) = faults_of(text)
    assert (fault.line, fault.path) == (10, "images[0].gate")
    assert fault.expected.startswith("a gate that demands something")


_NO_AMD64 = "    platforms: [linux/arm64]\n"
_OWN_TEST = "    test: { script: tests/node.sh }\n"
_SHARED_TEST = "defaults:\n  test: { script: tests/any.sh }\n"


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        (f"{CATALOG}{_NO_AMD64}", 11, "images[0].platforms"),
        (CATALOG.replace("[linux/amd64]", "[linux/arm64]"), 10, "images[0].test"),
        (
            CATALOG.replace("defaults:\n", _SHARED_TEST).replace(_OWN_TEST, _NO_AMD64),
            11,
            "images[0].platforms",
        ),
        (
            CATALOG.replace("defaults:\n", _SHARED_TEST)
            .replace(_OWN_TEST, "")
            .replace("[linux/amd64]", "[linux/arm64]"),
            6,
            "defaults.platforms",
        ),
    ],
    ids=["its own", "its test", "its platforms", "defaults"],
)
def test_a_test_without_the_platform_of_the_agents_is_a_fault(text, line, path):
    (fault,) = faults_of(text)
    assert (fault.line, fault.path) == (line, path)
    assert fault.expected == "linux/amd64 among the platforms: a test runs on it"
    assert fault.found == "linux/arm64"


@pytest.mark.parametrize(
    "text",
    [
        CATALOG.replace(_OWN_TEST, _NO_AMD64),
        CATALOG.replace("[linux/amd64]", "[linux/arm64]") + "    platforms: [linux/amd64]\n",
        CATALOG.replace("  platforms: [linux/amd64]\n", ""),
        f"{CATALOG}    platforms: [linux/arm64, linux/amd64]\n",
    ],
    ids=["no test", "its own", "by default", "among others"],
)
def test_a_test_with_the_platform_of_the_agents_is_none(text):
    assert isinstance(load("catalog.yaml", text), Catalog)


@pytest.mark.parametrize("demand", ["scan: trivy", "scan: none, reason: x, age: 1m"])
def test_one_demand_is_enough(demand):
    gate = f"    gate: {{ {demand} }}\n"
    catalog = load("x", CATALOG.replace("    test: { script: tests/node.sh }\n", gate))
    assert catalog.images[0].test is None


def test_the_same_tag_of_one_source_watched_twice_is_a_fault():
    text = f"{CATALOG}  - {{ source: docker.io/library/node, name: other, tags: [x, 22-alpine] }}\n"
    (fault,) = faults_of(text)
    assert (fault.line, fault.path) == (11, "images[1].tags[1]")
    assert "line 8 does" in fault.expected


def test_one_source_under_two_names_with_other_tags_is_fine():
    text = f"{CATALOG}  - {{ source: docker.io/library/node, name: other, tags: [x] }}\n"
    assert [each.name for each in load("x", text).images] == ["node", "other"]


def test_a_key_given_twice_is_a_fault_that_names_both_lines():
    (fault,) = faults_of(f"{CATALOG}apps: []\n")
    assert (fault.line, fault.path, fault.found) == (11, "apps", "it again")
    assert "line 3" in fault.expected


def test_all_faults_are_told_at_once_in_order_of_line():
    text = FULL
    for old, new in (
        ("[contosoapps.azurecr.io]", "no list"),
        ("age: 24h", "age: x"),
        ("block: high", "blok: high"),
        ("name: tools/trivy-db", "name: node"),
        ("ref: main", "reff: main"),
    ):
        text = text.replace(old, new)
    faults = faults_of(text)
    assert [each.path for each in faults] == [
        "apps",
        "defaults.gate.blok",
        "defaults.gate.age",
        "images[1].name",
        "rebuild[0].ref",
        "rebuild[0].reff",
    ]
    assert [each.line for each in faults] == sorted(each.line for each in faults)
    with pytest.raises(Misconfigured) as caught:
        load("catalog.yaml", text)
    assert str(caught.value).splitlines() == [str(each) for each in faults]
    assert re.fullmatch(r"catalog.yaml:\d+: \S+: expected .+, found .+", str(faults[0]))


def test_a_thousand_faults_are_kept_and_a_hundred_told():
    with pytest.raises(CatalogInvalid) as caught:
        load("x", CATALOG.replace("[20-alpine, 22-alpine]", f"[{'a/b, ' * 1000}]"))
    assert len(caught.value.faults) == 1000
    assert len(str(caught.value).splitlines()) == 101
    assert str(caught.value).endswith("… and 900 more")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_catalog_with_any_piece_replaced_is_a_catalog_or_invalid(data):
    start = data.draw(st.integers(0, len(FULL)))
    end = data.draw(st.integers(start, min(len(FULL), start + 12)))
    piece = data.draw(
        st.text(max_size=6) | st.sampled_from(["&a ", "*a", "[", "{", "\n  ", ": ", "- ", "~"])
    )
    loaded_or_invalid(FULL[:start] + piece + FULL[end:])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_catalog_with_any_value_replaced_is_a_catalog_or_invalid(data):
    document = yaml.safe_load(FULL.replace("2027-01-31", '"2027-01-31"'))
    holder, key = document, data.draw(st.sampled_from(list(document)))
    while isinstance(holder[key], (dict, list)) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
    holder[key] = data.draw(VALUES)
    loaded_or_invalid(yaml.safe_dump(document))


def loaded_or_invalid(text: str) -> None:
    try:
        catalog = load("x", text)
    except CatalogInvalid as error:
        last = len(text.splitlines()) + 1
        assert [each for each in error.faults if not 1 <= each.line <= last] == []  # noqa: PT017  # both ways are fine
        assert error.faults  # noqa: PT017  # likewise
        return
    assert catalog.images
