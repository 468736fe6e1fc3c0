"""Versions are read from tags as the world writes them, and stand in one order."""

import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.oci.versions import Key, Version

PATIENT = settings(deadline=None)  # a busy machine is no fault of the code

TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)
STAGES = ["dev", "alpha", "beta", "milestone", "preview", "rc"]
NUMBERS = st.integers(0, 3) | st.integers(0, 10**100)
VERSIONS = st.builds(
    lambda numbers, word, more: Version(tuple(numbers), (word, *more) if word else ()),
    st.lists(NUMBERS, min_size=1, max_size=5),
    st.none() | st.sampled_from(STAGES),
    st.lists(st.integers(0, 3), max_size=1),
).filter(lambda version: len(str(version)) <= 128)


def key_of(tag: str) -> Key:
    version = Version.parse(tag)
    assert version is not None
    return version.key


@pytest.mark.parametrize(
    ("tag", "numbers", "pre"),
    [
        ("1", (1,), ()),
        ("1.2", (1, 2), ()),
        ("v1.2.3", (1, 2, 3), ()),
        ("V2", (2,), ()),
        ("2024.01.02", (2024, 1, 2), ()),
        ("20240102", (20240102,), ()),
        ("24.04", (24, 4), ()),
        ("10.0.17763.5329", (10, 0, 17763, 5329), ()),
        ("1.2.3-rc.1", (1, 2, 3), ("rc", 1)),
        ("v1.2.3-rc1", (1, 2, 3), ("rc", 1)),
        ("3.13.0rc2", (3, 13, 0), ("rc", 2)),
        ("3.15.0a1", (3, 15, 0), ("alpha", 1)),
        ("3.15.0b3", (3, 15, 0), ("beta", 3)),
        ("3.15-rc", (3, 15), ("rc",)),
        ("18beta1", (18,), ("beta", 1)),
        ("1.2.3-beta1", (1, 2, 3), ("beta", 1)),
        ("1.2.3-alpha", (1, 2, 3), ("alpha",)),
        ("1.2.3-dev", (1, 2, 3), ("dev",)),
        ("2.0-SNAPSHOT", (2, 0), ("snapshot",)),
        ("2.0.0-nightly.20240102", (2, 0, 0), ("nightly", 20240102)),
        ("2.0.0-nightly-20240102", (2, 0, 0), ("nightly", 20240102)),
        ("1.2.3-pre", (1, 2, 3), ("preview",)),
        ("8.0.0-preview.3", (8, 0, 0), ("preview", 3)),
        ("3.2.0-M1", (3, 2, 0), ("milestone", 1)),
        ("3.2.0.Beta1", (3, 2, 0), ("beta", 1)),
        ("3.2.0.CR2", (3, 2, 0), ("rc", 2)),
        ("24-ea-10", (24,), ("ea", 10)),
    ],
)
def test_a_version_is_read_as_it_is_written(tag, numbers, pre):
    assert Version.parse(tag) == Version(numbers, pre)


NOT_VERSIONS = """
latest slim alpine bookworm stable rc1 alpha v .1 1. 1..2 1.2- vv1 v-1 1_2_3 sha-1234567 7f3a9c1
3.12-slim 3.12.4-slim-bookworm 1.25-alpine 1.25.3-alpine3.18 8.0.1-jammy-chiseled 3.13.0rc2-slim
8.0.0-preview.3-alpine3.17 1.2.3-rc1-5-gabcdef 1.2.3-alphabet 1.2.3-debian-12-r3 7.4.1-1 1.2.3-r0
1.0.2a 1.1.1w 1.2.3-a 1.2.3_build5 2024-01-02 RELEASE.2024-01-02T03-04-05Z
"""
UNLIKE_ASCII = [
    "\u0663.\u0661",
    "1.2.3-\u017fnapshot",
]  # digits and letters `re` could take for ours
SPACED = ["", "1.2\n", " 1.2", "1.2 "]


@pytest.mark.parametrize("tag", [*NOT_VERSIONS.split(), *UNLIKE_ASCII, *SPACED, "1" * 129])
def test_a_variant_or_a_name_is_no_version(tag):
    assert Version.parse(tag) is None


@pytest.mark.parametrize(
    ("tag", "leading"),
    [
        ("3.12.4-slim-bookworm", Version((3, 12, 4))),
        ("1.25.3-alpine3.18", Version((1, 25, 3))),
        ("3.13.0rc2-slim", Version((3, 13, 0), ("rc", 2))),
        ("8.0.0-preview.3-alpine3.17", Version((8, 0, 0), ("preview", 3))),
        ("2024-01-02", Version((2024,))),
        ("1.2.3_build5", Version((1, 2, 3))),
        ("1.2.3-alphabet", Version((1, 2, 3))),
        ("1.0.2a", None),
        ("1.2.30a", None),
        ("7f3a9c1", None),
        ("slim-3.12", None),
        ("1" * 129, None),
    ],
)
def test_the_version_a_tag_begins_with_ends_where_a_word_does(tag, leading):
    assert Version.leading(tag) == leading


ASCENDING = """
0 0.0.1 0.1 1.0-dev 1.0-alpha 1.0a1 1.0.0-alpha.2 1.0-alpha.10 1.0-beta1 1.0-M1 1.0-preview.7 1.0-rc 1.0-rc.1 1.0rc2
1.0-rc.10 1 1.0.0.1 1.0.1 1.2 1.9 1.10 2 10 2024.01.02 20240102
"""


def test_versions_stand_in_the_order_their_authors_mean():
    keys = [key_of(each) for each in ASCENDING.split()]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3.12", "3.12.0"),
        ("v1.2.3", "1.2.3"),
        ("24.04", "24.4"),
        ("0", "0.0.0"),
        ("3.13.0rc2", "3.13-rc.2"),
        ("1.0a1", "1.0.0-alpha.1"),
        ("1.0.CR1", "1.0-rc1"),
    ],
)
def test_two_spellings_of_one_version_are_equal_in_order(one, other):
    assert key_of(one) == key_of(other)


@PATIENT
@given(VERSIONS)
def test_a_version_is_read_back_from_its_text(version):
    assert Version.parse(str(version)) == version
    assert Version.leading(f"{version}-slim") == version or len(str(version)) > 123


@PATIENT
@given(TAGS | st.text(max_size=200))
@example("1" * 128)
@example("1." * 63 + "1")
@example("1-rc" + "-rc" * 41)
@example("1-rc." + "1" * 123)
@example("1-" + "rc1" * 42)
def test_any_text_is_a_version_or_none(text):
    for version in filter(None, (Version.parse(text), Version.leading(text))):
        assert Version.parse(str(version)) in {
            version,
            None,
        }  # None: the canonical words are longer
        assert version.key <= Version((*version.numbers, 1)).key


def _oracle(one: Version, other: Version) -> int:
    """Compare as SemVer 2.0 §11 does, with as many numbers as there are and stages instead of letters."""
    for left, right in itertools.zip_longest(one.numbers, other.numbers, fillvalue=0):
        if left != right:
            return -1 if left < right else 1
    if not one.pre or not other.pre:
        return bool(other.pre) - bool(one.pre)
    mine, its = ([STAGES.index(str(each.pre[0])), *map(int, each.pre[1:])] for each in (one, other))
    return (mine > its) - (mine < its)


@PATIENT
@given(VERSIONS, VERSIONS)
def test_the_order_is_that_of_a_naive_comparison(one, other):
    assert _oracle(one, other) == (one.key > other.key) - (one.key < other.key)


@PATIENT
@given(st.lists(VERSIONS, min_size=3, max_size=4))
def test_the_order_is_total(versions):
    for a, b, c in itertools.permutations(versions, 3):
        assert (a.key < b.key) + (a.key == b.key) + (a.key > b.key) == 1
        assert a.key <= c.key or not (a.key <= b.key <= c.key)


def test_hostile_tags_cost_no_more_than_others():
    hostile = [
        "9" * 128,
        "1-" + "rc1" * 42,
        "1." * 64,
        "1-rc" + ".1" * 62,
        "1-rc-" + "1" * 122 + "x",
    ]
    began = time.process_time()
    for tag in hostile * 400:
        Version.parse(tag)
        Version.leading(tag)
    assert time.process_time() - began < 2
