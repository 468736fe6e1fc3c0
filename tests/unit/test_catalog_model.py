"""A catalog says what it says: defaults are merged, names derived, and nothing passes unsaid."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from shared.catalog import (
    Approval,
    Compare,
    Gate,
    Mode,
    ScanMode,
    Severity,
    json_schema,
    load,
    main,
)
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Namespace, Repository
from tests.builders import CATALOG, a_catalog, a_gate, an_image
from tests.builders import FULL_CATALOG as FULL

ROOT = Path(__file__).parents[2]
VEX = '{"bomFormat": "CycloneDX", "specVersion": "1.5", "vulnerabilities": []}'


def test_the_catalog_keeps_its_place_and_the_digest_of_its_text():
    catalog = load("somewhere", CATALOG)
    assert catalog.place == "somewhere"
    assert catalog.digest_of_text == Digest.of(CATALOG.encode())
    assert load("somewhere", CATALOG.encode()) == catalog


def test_places_are_parsed():
    catalog = a_catalog()
    assert catalog.staging == Namespace("contosostaging.azurecr.io")
    assert catalog.base == Namespace("contosobase.azurecr.io", "base")
    assert catalog.apps == ("contosoapps.azurecr.io",)


def test_an_image_is_named_after_its_source_without_library():
    node, database = load("x", FULL).images
    assert (node.name, node.source) == ("node", Repository("docker.io", "library/node"))
    assert database.name == "tools/trivy-db"
    unnamed = load("x", FULL.replace("    name: tools/trivy-db\n", "")).images[1]
    assert unnamed.name == "aquasecurity/trivy-db"


def test_an_image_takes_from_the_defaults_what_it_does_not_say():
    node, database = load("x", FULL).images
    assert node.platforms == (Platform("linux", "amd64"), Platform("linux", "arm64"))
    assert database.platforms == (Platform("linux", "amd64"),)
    assert node.test is not None
    assert node.test.script == "tests/node.sh"
    assert database.test is not None
    assert database.test.script == "tests/any.sh"
    assert node.gate == Gate(compare=Compare.NOT_WORSE)
    assert database.gate == Gate(
        scan=ScanMode.NONE,
        compare=Compare.NOT_WORSE,
        age=timedelta(),
        reason="data for the scanner",
    )


def test_a_catalog_that_says_nothing_of_gates_gets_the_strict_ones():
    text = "staging: a.io\nbase: b.io\nimages: [{ source: c.io/d, tags: [e] }]\n"
    (image,) = load("x", text).images
    assert image.gate == Gate()
    assert image.gate == Gate(
        scan=ScanMode.TRIVY,
        block=Severity.HIGH,
        fixable_only=False,
        compare=Compare.ANY,
        age=timedelta(hours=24),
        dwell=timedelta(hours=12),
        approval=Approval.NONE,
        mode=Mode.ENFORCE,
    )
    assert image.platforms == (Platform("linux", "amd64"),)
    assert image.test is None


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("24h", timedelta(hours=24)),
        ("90m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("0h", timedelta()),
        ("9999d", timedelta(days=9999)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, span):
    assert a_catalog(CATALOG.replace("age: 0h", f"age: {text}")).images[0].gate.age == span


@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_the_threshold_is_a_severity(severity):
    gate = a_catalog(CATALOG.replace("block: high", f"block: {severity}")).images[0].gate
    assert gate.block.label == severity


def test_waivers_and_workflows_are_kept():
    catalog = load("x", FULL)
    (waiver,) = catalog.waivers
    assert (waiver.id, waiver.image, waiver.expires) == ("CVE-2025-0001", "node", date(2027, 1, 31))
    assert (waiver.owner, waiver.reason, waiver.package) == ("us", "not reachable", "")
    (rebuild,) = catalog.rebuild
    assert (rebuild.when, rebuild.github, rebuild.workflow, rebuild.ref) == (
        "base/node",
        "contoso/shop",
        "build.yml",
        "main",
    )


def test_what_is_accepted_and_not_applied_is_said():
    (note,) = load("x", FULL.replace("mode: enforce", "mode: observe")).notes
    assert note == "GitHub workflows are not started yet, only ACR tasks are: contoso/shop."
    assert a_catalog().notes == ()


def test_an_image_is_found_by_its_name_and_by_its_place():
    catalog = a_catalog()
    node = catalog.image("node")
    assert node == catalog.images[0]
    assert catalog.image_in_staging("node") == node
    assert catalog.image_in_base("base/node") == node
    for nothing in (
        catalog.image("library/node"),
        catalog.image_in_staging("base/node"),
        catalog.image_in_base("node"),
        catalog.image_in_base("base/nodes"),
    ):
        assert nothing is None


def test_the_builders_build_what_the_catalog_says():
    (image,) = a_catalog().images
    built = an_image(tags=["20-alpine", "22-alpine"], script="tests/node.sh")
    assert replace(image, gate=a_gate()) == built


def test_the_schema_in_the_docs_is_current():
    kept = (ROOT / "docs" / "catalog.schema.json").read_text()
    assert kept == json.dumps(json_schema(), indent=2) + "\n", (
        "python -m shared.catalog --schema > docs/catalog.schema.json"
    )


def test_the_schema_knows_no_null_and_closes_every_object():
    schema = json_schema()
    assert "null" not in json.dumps(schema)
    objects = [each for each in (schema, *schema["$defs"].values()) if each.get("type") == "object"]
    assert len(objects) == 10
    assert all(each["additionalProperties"] is False for each in objects)


def written(folder: Path, text: str) -> Path:
    """A catalog in a folder with the scripts it names."""
    (folder / "tests").mkdir()
    for name in ("any.sh", "node.sh"):
        (folder / "tests" / name).touch()
    place = folder / "catalog.yaml"
    place.write_text(text)
    return place


def test_the_command_says_ok_with_its_notes(tmp_path, capsys):
    place = written(tmp_path, FULL)
    assert main([str(place)], date(2027, 1, 31)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{place}: ok, 2 images, 3 watched tags"
    assert len(said) == 2
    assert "GitHub workflows" in said[1]


def test_the_command_refuses_a_vex_document_that_stops_every_verdict(tmp_path, capsys):
    place = written(tmp_path, f"{FULL}vex: [a.json]\n")
    (tmp_path / "a.json").write_text("{ broken")

    assert main([str(place)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{place}: vex: a.json: expected a VEX document in JSON, found")

    (tmp_path / "a.json").write_text(VEX)
    assert main([str(place)]) == 0


def test_the_command_notes_what_vex_documents_say_of_images_that_nobody_lists(tmp_path, capsys):
    place = written(tmp_path, f"{FULL}vex: [a.json]\n")
    about = json.dumps(
        {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://contoso.com/vex/1",
            "author": "contoso",
            "timestamp": "2026-11-01T00:00:00Z",
            "version": 1,
            "statements": [
                {
                    "vulnerability": {"name": "CVE-2025-0001"},
                    "products": [{"@id": "pkg:oci/knode"}],
                    "status": "not_affected",
                    "justification": "component_not_present",
                }
            ],
        }
    )
    (tmp_path / "a.json").write_text(about)

    assert main([str(place)], date(2027, 1, 31)) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"{place}: note: a.json speaks of knode, which is no image of this catalog." in told

    (tmp_path / "a.json").write_text(about.replace("knode", "node"))
    assert main([str(place)], date(2027, 1, 31)) == 0
    assert "speaks of" not in capsys.readouterr().out


def test_the_command_says_how_it_is_used(capsys):
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: python -m shared.catalog FILE")
    assert main(["--doc"]) == 2


def test_the_command_tells_every_fault_and_fails(tmp_path, capsys):
    place = tmp_path / "catalog.yaml"
    place.write_text(FULL.replace("age: 24h", "age: x").replace("ref: main", "ref: ''"))
    assert main([str(place)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in told] == ["defaults.gate.age", "rebuild[0].ref"]


def test_the_command_tells_every_file_that_is_not_beside_the_catalog_and_fails(tmp_path, capsys):
    place = written(tmp_path, f"{FULL}vex: [a.json, b.json]\n")
    (tmp_path / "a.json").write_text(VEX)
    (tmp_path / "tests/any.sh").unlink()
    assert main([str(place)], date(2027, 1, 31)) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.splitlines()) == (
        "",
        [
            f"{place}: tools/trivy-db's test: expected a file tests/any.sh beside the catalog, found none",
            f"{place}: vex: expected a file b.json beside the catalog, found none",
        ],
    )


def test_the_command_fails_on_a_file_that_is_not_there_and_on_no_file(tmp_path, capsys):
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_command_prints_the_schema(capsys):
    assert main(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
