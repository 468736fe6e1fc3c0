"""A catalog is bounded, plain YAML in UTF-8, and anything else is refused where it begins to be something else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog import CatalogInvalid, Fault, load
from tests.builders import CATALOG


def faults_of(text: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(CatalogInvalid) as caught:
        load("catalog.yaml", text)
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "line", "expected", "found"),
    [
        ("", 1, "a catalog", "nothing"),
        ("# only a comment\n", 1, "a catalog", "nothing"),
        ("just text", 1, "keys and values", "'just text'"),
        ("- a\n- b\n", 1, "keys and values", "a list"),
        ("a: 1\nb: [1,\n", 3, "YAML (node content)", "something else"),
        ("a: 1\n\tb: 2\n", 2, "spaces to indent with", "a tab"),
        ("a:\n\tb: 2\n", 2, "spaces to indent with", "a tab"),
        ("a:\n  - é\n  -\tb: 2\n", 3, "spaces to indent with", "a tab"),
        ("a: b: c\n", 1, "no `:` here (a text with one needs quotes)", "one"),
        ("a: @b\n", 1, "text (what begins like this needs quotes)", "'@'"),
        ("a: 'b\n", 2, "YAML", "unexpected end of stream"),
        ("a: [1, 2\nb: 3\n", 2, "',' or ']'", "something else"),
        ("a: 1\n---\nb: 2\n", 2, "one document", "a second one"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "without tags", "python"),
        ("a: *nobody\n", 1, "an alias of something written above", "*nobody"),
        ("a: &a\n  b: *a\n", 2, "an alias of something written above", "*a"),
        ("? [a]\n: b\n", 1, "a key that is plain text", "a list"),
        (b"a: 1\nb: \xff\n", 2, "text in UTF-8", "the byte 0xff"),
        ("a: \ud800\n", 1, "text in UTF-8", "the byte 0xed"),
        ("a: 1\nb: \x07\n", 2, "printable text", ""),
        ("a: " + "[" * 60 + "]" * 60, 1, "levels of nesting", "more"),
        ("a: " + "x" * (1 << 20), 1, "1048576 bytes", "bytes"),
    ],
)
def test_what_is_no_bounded_yaml_is_one_fault(text, line, expected, found):
    fault = faults_of(text)[0]
    assert fault.line == line
    assert expected in fault.expected
    assert found in fault.found


def test_aliases_that_multiply_are_refused_before_they_are_written_out():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
    )
    (fault,) = faults_of(bomb)
    assert "aliases included" in fault.expected
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))
    (fault,) = faults_of(chain)
    assert "nesting" in fault.expected


@pytest.mark.parametrize(
    ("written", "found"), [("yes", "'yes'"), ("on", "'on'"), ("0x1F", "'0x1F'"), ("010", "010")]
)
def test_yaml_1_2_has_fewer_words_for_true_and_for_numbers(written: str, found: str):
    (fault,) = faults_of(CATALOG.replace("gate: { ", f"gate: {{ fixable_only: {written}, ", 1))
    assert (fault.expected, fault.found.partition(" ")[0]) == ("true or false", found)


def test_a_merge_key_and_a_tag_are_faults():
    merged = CATALOG + "  - { <<: *x, source: docker.io/library/x, tags: [a] }\n"
    (fault,) = faults_of(merged.replace("*x", "x"))
    assert fault.found == "'<<'"
    (fault,) = faults_of(merged.replace("<<: *x", "name: !!str x"))
    assert fault.expected == "plain YAML without tags"


def test_an_alias_stands_for_what_it_names():
    text = CATALOG.replace("tags: [", "tags: &tags [")
    text += "  - { source: docker.io/library/x, tags: *tags, test: { script: x.sh } }\n"
    assert load("x", text).images[1].tags == ("20-alpine", "22-alpine")


@settings(deadline=None)  # a busy machine is no fault of the code
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_refused_as_invalid(text):
    with pytest.raises(CatalogInvalid):
        load("x", text)
