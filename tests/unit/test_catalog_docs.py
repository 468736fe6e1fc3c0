"""The page about a catalog's keys is the models' own, and its examples are catalogs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from shared.catalog import load, main
from shared.catalog_docs import holds, keys, markdown, sections
from shared.catalog_examples import EXAMPLES
from shared.catalog_keys import GateDocument, TagsDocument
from shared.catalog_schema import ImageDocument, UpstreamDocument

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "catalog.md"
# What every catalog must say, for the examples that leave it out.
REST = {
    "staging": "staging: a.io\n",
    "base": "base: b.io\n",
    "images": "images: [{ source: c.io/node, tags: [d] }]\n",
}
SECTIONS = sections()
BY_TITLE = pytest.mark.parametrize("section", SECTIONS, ids=[each[0] for each in SECTIONS])


def rows(title: str) -> list[list[str]]:
    """The cells of a section's table."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", markdown(), re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^\| (`.*) \|$", text, re.MULTILINE)
    return [line.split(" | ") for line in lines]


def paths_in(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths_in(each, f"{path}.{key}" if path else key)
    if isinstance(value, list):
        for each in value:
            yield from paths_in(each, f"{path}[]")
    yield path


def test_the_page_in_the_docs_is_current():
    assert KEPT.read_text("utf-8") == markdown(), (
        "python -m shared.catalog --docs > docs/catalog.md"
    )


def test_the_command_prints_the_page(capsys):
    assert main(["--docs"]) == 0
    assert capsys.readouterr().out == markdown()


@BY_TITLE
def test_every_key_of_a_section_has_a_row_that_says_what_it_means(section):
    title, model, _ = section
    told = rows(title)
    assert [row[0].strip("`") for row in told] == [name for name, _ in keys(model)]
    for key, what, default, meaning in told:
        assert what, key
        assert meaning[0].isupper() or meaning[0] == "`", key
        assert meaning.endswith("."), key
        assert default == "a fault" or not default or re.fullmatch("`[^`]+`", default), key


def test_titles_are_told_apart_and_every_place_has_its_section():
    titles = [title for title, _, _ in SECTIONS]
    assert len(set(titles)) == len(titles) == len(EXAMPLES)
    places = {path for _, _, paths in SECTIONS for path in paths}
    assert {"", "defaults.gate", "images[].gate", "images[].tags", "waivers[]"} <= places


@BY_TITLE
def test_the_example_of_a_section_is_a_catalog_that_shows_it(section):
    _, model, paths = section
    text = EXAMPLES[model]
    said = yaml.safe_load(text)
    whole = text + "".join(line for key, line in REST.items() if key not in said)
    assert load("x", whole).images
    assert set(paths) & set(paths_in(said))
    assert f"```yaml\n{text}```" in markdown()


@pytest.mark.parametrize(
    ("model", "name", "expected"),
    [
        (GateDocument, "fixable_only", "true or false"),
        (GateDocument, "block", "`low`, `medium`, `high` or `critical`"),
        (GateDocument, "age", "a duration like 90m, 24h or 7d, of at most four digits"),
        (GateDocument, "require", "a list, each: `sbom` or `signature`"),
        (TagsDocument, "newest", "a whole number from 1 to 100"),
        (UpstreamDocument, "rate", "a number above 0, at most 1000"),
        (UpstreamDocument, "realms", "a list of at least 1, each: a host like auth.docker.io, without https://"),
        (ImageDocument, "gate", "[these keys](#gate)"),
    ],
)  # fmt: skip
def test_what_a_key_may_hold_is_put_into_words(model, name: str, expected: str):
    field = model.model_fields[name]
    assert holds(field.annotation, field.metadata) == expected


def test_two_shapes_of_a_value_are_both_told():
    tags = holds(ImageDocument.model_fields["tags"].annotation)
    assert tags.startswith("a list of at least 1, each: a tag of at most 111 characters; ")
    assert tags.endswith("; or [these keys](#tags)")
    allow = holds(TagsDocument.model_fields["allow"].annotation)
    assert re.fullmatch("an RE2 expression of [^;]+; or a list of 1 to 20, each: .+", allow)


def test_defaults_are_told_as_they_are_written():
    told = {row[0]: row[2] for row in rows("gate")}
    assert (told["`scan`"], told["`age`"], told["`require`"]) == ("`trivy`", "`24h`", "`[]`")
    assert (told["`fixable_only`"], told["`reason`"]) == ("`false`", "")
    assert {row[0]: row[2] for row in rows("defaults")}["`platforms`"] == "`[linux/amd64]`"


def test_the_sample_is_a_catalog_with_its_comments_and_without():
    text = (ROOT / "catalog.yaml").read_text("utf-8")
    assert load("catalog.yaml", text).notes == ()
    commented = re.sub(r"^# (?=waivers:|  - )", "", text, flags=re.MULTILINE)
    (waiver,) = load("catalog.yaml", commented).waivers
    assert waiver.image == "node"
    for gate in re.findall(r"gate: \{ .* \}$", text, re.MULTILINE)[1:]:
        own = text.replace("    test:", f"    {gate}\n    test:")
        assert load("catalog.yaml", own).images[0].gate != load("x", text).images[0].gate
