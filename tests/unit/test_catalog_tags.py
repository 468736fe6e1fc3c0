"""Tags are named, or chosen by a rule that says which are meant."""

import pytest

from shared.catalog import CatalogInvalid, Fault, Image, Series, TagRule, load, main
from tests.builders import CATALOG

TAGS = "[20-alpine, 22-alpine]"
NODE = "docker.io/library/node"


def catalog_with(tags: str) -> str:
    assert CATALOG.count(TAGS) == 1
    return CATALOG.replace(TAGS, tags)


def image_with(tags: str) -> Image:
    return load("x", catalog_with(tags)).images[0]


def faults_of(text: str) -> list[Fault]:
    with pytest.raises(CatalogInvalid) as caught:
        load("x", text)
    return list(caught.value.faults)


def test_a_list_of_names_is_no_rule():
    image = image_with("[a, b]")
    assert (image.tags, image.rule) == (("a", "b"), None)


def test_names_alone_in_a_mapping_are_no_rule():
    image = image_with("{ names: [a, b] }")
    assert (image.tags, image.rule) == (("a", "b"), None)


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        ("{ semver: '>=3.12 <3.15' }", TagRule(semver=">=3.12 <3.15")),
        ("{ prefix: v }", TagRule(prefix="v")),
        ("{ suffix: -slim }", TagRule(suffix="-slim")),
        ("{ suffix: _x.9 }", TagRule(suffix="_x.9")),
        ("{ allow: 'v[0-9]+' }", TagRule(allow=("v[0-9]+",))),
        ("{ allow: [a, b], deny: c }", TagRule(allow=("a", "b"), deny=("c",))),
        ("{ semver: '3', deny: [a, b] }", TagRule(semver="3", deny=("a", "b"))),
        ("{ semver: '3', newest: 1 }", TagRule(semver="3", newest=1)),
        ("{ semver: '3', newest: 100, per: all }", TagRule(semver="3", newest=100)),
        ("{ prefix: v, newest: 2, per: major }", TagRule("", "v", newest=2, per=Series.MAJOR)),
        ("{ allow: a, newest: 2, per: minor }", TagRule(allow=("a",), newest=2, per=Series.MINOR)),
        ("{ semver: '>=3.15-rc1', prereleases: true }", TagRule(">=3.15-rc1", prereleases=True)),
        ("{ semver: '3', prereleases: false }", TagRule("3")),
    ],
)  # fmt: skip
def test_keys_make_a_rule(tags: str, rule: TagRule):
    image = image_with(tags)
    assert image.rule == rule
    assert image.tags == ()


def test_a_rule_stands_beside_names():
    image = image_with("{ semver: '>=22', suffix: -alpine, names: [lts-alpine] }")
    assert image.tags == ("lts-alpine",)
    assert image.rule == TagRule(semver=">=22", suffix="-alpine")


# What stands under `tags`, then the one fault: its key under `tags`, what was expected and found.
ONE_FAULT = [
    ("7", "", "a list of tags, or keys", "7 (a number)"),
    ("{}", "", "semver, allow, prefix, suffix or names", "none"),
    ("{ newest: 3 }", "", "a key that says which tags are meant", "newest"),
    ("{ deny: a, prereleases: true }", "", "a key that says which tags are meant", "deny, prereleases"),
    ("{ names: [] }", ".names", "at least one entry", "an empty list"),
    ("{ names: [a, b, a] }", ".names[2]", "a tag named once", "'a'"),
    ("{ names: [a/b] }", ".names[0]", "a tag of at most 111", "'a/b'"),
    ("{ names: [20] }", ".names[0]", "text", 'text needs quotes: "20"'),
    ("{ names: [a], newest: 1 }", ".newest", "`semver`, `allow`, `prefix` or `suffix` beside it", "none"),
    ("{ names: [a], deny: b }", ".deny", "`semver`, `allow`, `prefix` or `suffix` beside it", "none"),
    ("{ names: [a], prereleases: true }", ".prereleases", "`suffix` beside it", "none"),
    ("{ semver: 3 }", ".semver", "text", 'text needs quotes: "3"'),
    ("{ semver: '' }", ".semver", "1 to 200 characters", "''"),
    ("{ semver: '3', newest: true }", ".newest", "a whole number", "true (no number)"),
    ("{ semver: '3', newest: 1e1 }", ".newest", "a whole number", "1e1 (a number)"),
    ("{ semver: '>=3.12 <soon' }", ".semver", "a version like 1.2", "'>=3.12 <soon'"),
    ("{ semver: '>3 <2' }", ".semver", "a range that some version is in", "'>3 <2'"),
    ("{ semver: '>=3.15-rc1' }", ".semver", "`prereleases: true` beside", "'>=3.15-rc1'"),
    ("{ semver: '1 || <2.0.0-beta', prereleases: false }", ".semver", "`prereleases: true` beside", ""),
    ("{ semvr: '3', names: [a] }", ".semvr", "did you mean 'semver'?", "'semvr'"),
    ("{ mapping: '3', names: [a] }", ".mapping", "names, semver, prefix, suffix, allow", "'mapping'"),
    ("{ prefix: '' }", ".prefix", "how a tag may begin", "''"),
    ("{ prefix: .v }", ".prefix", "how a tag may begin", "'.v'"),
    ("{ prefix: v/ }", ".prefix", "how a tag may begin", "'v/'"),
    ("{ suffix: 9-slim }", ".suffix", "no digit or dot first", "'9-slim'"),
    ("{ suffix: .slim }", ".suffix", "no digit or dot first", "'.slim'"),
    ("{ suffix: -a+b }", ".suffix", "how a tag may end", "'-a+b'"),
    ("{ allow: 3 }", ".allow", "an RE2 expression, or a list of them", "3 (a number)"),
    ("{ allow: { a: b } }", ".allow", "an RE2 expression, or a list of them", "keys and values"),
    ("{ allow: '(' }", ".allow", "missing ): (", "'('"),
    ("{ allow: [a, '(?=a)'] }", ".allow[1]", "invalid perl operator", "'(?=a)'"),
    ("{ allow: a, deny: '[' }", ".deny", "an RE2 expression", "'['"),
    ("{ allow: a, deny: ['b', ''] }", ".deny[1]", "1 to 200 characters", "''"),
    ("{ allow: [] }", ".allow", "at least one entry", "an empty list"),
    (f"{{ allow: [{'a, ' * 21}] }}", ".allow", "at most 20 entries", "a list"),
    ("{ semver: '3', newest: 0 }", ".newest", "a number of at least 1", "0"),
    ("{ semver: '3', newest: 101 }", ".newest", "a number of at most 100", "101"),
    ("{ semver: '3', newest: 1.5 }", ".newest", "a whole number", "1.5"),
    ("{ semver: '3', newest: '3' }", ".newest", "a whole number", "'3'"),
    ("{ semver: '3', per: major }", ".per", "`newest` beside it", "none"),
    ("{ semver: '3', newest: 1, per: patch }", ".per", "'all', 'major' or 'minor'", "'patch'"),
    ("{ semver: '3', prereleases: no }", ".prereleases", "true or false", "'no'"),
]  # fmt: skip


@pytest.mark.parametrize(("tags", "key", "expected", "found"), ONE_FAULT)
def test_a_fault_in_a_rule_is_told_where_it_is(tags: str, key: str, expected: str, found: str):
    (fault,) = faults_of(catalog_with(tags))
    assert (fault.line, fault.path) == (9, f"images[0].tags{key}")
    assert expected in fault.expected
    assert found in fault.found
    assert str(fault).isprintable()


def test_a_fault_in_a_rule_has_the_line_of_its_key():
    (fault,) = faults_of(
        catalog_with("\n      suffix: -slim\n      allow:\n        - a\n        - '('")
    )
    assert (fault.line, fault.path) == (13, "images[0].tags.allow[1]")


@pytest.mark.parametrize(
    ("other", "path"),
    [("[x, 22-alpine]", "tags[1]"), ("{ semver: '3', names: [22-alpine] }", "tags.names[0]")],
)
@pytest.mark.parametrize("tags", [TAGS, "{ prefix: v, names: [22-alpine] }"])
def test_a_tag_named_by_two_images_of_a_source_is_a_fault(tags: str, other: str, path: str):
    text = f"{catalog_with(tags)}  - {{ source: {NODE}, name: other, tags: {other} }}\n"
    (fault,) = faults_of(text)
    assert (fault.line, fault.path) == (11, f"images[1].{path}")
    assert "line 8 does" in fault.expected


def test_one_rule_for_two_images_of_a_source_is_a_fault():
    text = catalog_with("{ semver: '>=20', suffix: -alpine }")
    again = "{ suffix: -alpine, names: [x], semver: '>=20' }"
    (fault,) = faults_of(f"{text}  - {{ source: {NODE}, name: other, tags: {again} }}\n")
    assert (fault.line, fault.path) == (11, "images[1].tags")
    assert "line 8 has this one" in fault.expected


@pytest.mark.parametrize(
    "other",
    [
        f"{{ source: {NODE}, name: other, tags: {{ semver: '>=20', suffix: -slim }} }}",
        "{ source: docker.io/library/other, tags: { semver: '>=20', suffix: -alpine } }",
    ],
)
def test_other_rules_and_other_sources_may_be_side_by_side(other: str):
    text = f"{catalog_with("{ semver: '>=20', suffix: -alpine }")}  - {other}\n"
    assert all(each.rule for each in load("x", text).images)


def test_images_that_only_name_tags_have_no_rule_in_common():
    text = f"{catalog_with('{ names: [a] }')}  - {{ source: {NODE}, name: b, tags: {{ names: [b] }} }}\n"
    assert [each.tags for each in load("x", text).images] == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (TagRule(semver="^1.2"), "versions ^1.2"),
        (
            TagRule(">=3.12", "v", "-slim", newest=3, per=Series.MINOR, prereleases=True),
            "versions >=3.12, beginning with v, ending in -slim, the newest 3 of each minor, "
            "prereleases too",
        ),
        (TagRule(allow=("a+", "b"), deny=("c",)), "tags, matching a+ or b, not matching c"),
        (TagRule(suffix="-x", newest=1), "tags, ending in -x, the newest 1"),
    ],
)
def test_a_rule_says_what_it_chooses(rule: TagRule, said: str):
    assert str(rule) == said


def test_the_command_says_what_rules_choose(tmp_path, capsys):
    place = tmp_path / "catalog.yaml"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/node.sh").touch()
    other = "  - { source: docker.io/library/x, name: x, tags: { suffix: -a, names: [b, c] } }\n"
    place.write_text(catalog_with("{ semver: '>=20', newest: 2 }") + other)
    assert main([str(place)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{place}: ok, 2 images, 2 watched tags, 2 rules that choose tags",
        f"{place}: node: versions >=20, the newest 2",
        f"{place}: x: tags, ending in -a, and b, c",
    ]
