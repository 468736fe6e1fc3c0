"""CycloneDX VEX documents: what they excuse in node's image, and what is refused."""

from typing import Any

import pytest

from shared.vex.reading import InvalidVex, read
from shared.vex.standing import Claim, standing
from tests.vexes import AMD64, CANDIDATE, DIGEST, NODE, OPENSSL, analysed, cyclonedx, purl

LINK = "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#"
IMAGE = {"component": {"type": "container", "name": "node", "bom-ref": NODE}}
PRODUCT = {"component": {"type": "application", "name": "ABC", "bom-ref": "product-ABC"}}


def claims(*vulnerabilities: dict[str, Any], **changes: Any) -> tuple[Claim, ...]:
    """What the document excuses in the candidate."""
    return standing(read("vex/node.json", cyclonedx(*vulnerabilities, **changes)), CANDIDATE)


@pytest.mark.parametrize(
    ("state", "excuses"),
    [
        ("not_affected", True),
        ("false_positive", True),
        ("resolved", True),
        ("resolved_with_pedigree", True),
        ("exploitable", False),
        ("in_triage", False),
    ],
)
@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6", "1.7"])
def test_a_state_excuses_or_does_not(state: str, excuses: bool, version: str):
    assert bool(claims(analysed(state=state), specVersion=version)) == excuses


def test_an_excuse_says_why_who_and_where_and_the_same_elsewhere_is_excused_too():
    found = claims(analysed(references=[{"id": "GHSA-1", "source": {"name": "GitHub"}}]))

    assert [each.id for each in found] == ["CVE-2026-0001", "GHSA-1"]
    assert found[0].statement.reason == "not_affected: code_not_reachable: never called"
    assert found[0].statement.author == "Contoso Platform"
    assert found[0].statement.source == "vex/node.json"


@pytest.mark.parametrize(
    ("analysis", "reason"),
    [
        ({"state": "resolved"}, "resolved"),
        ({"state": "resolved", "detail": "rebuilt"}, "resolved: rebuilt"),
        ({"state": "not_affected", "justification": "x"}, "not_affected: x"),
    ],
)
def test_why_is_told_by_whatever_the_analysis_has(analysis: dict[str, str], reason: str):
    (found,) = claims(analysed(analysis=analysis))

    assert found.statement.reason == reason


def test_blanks_around_an_id_are_no_part_of_it():
    found = claims(analysed(id=" CVE-2026-0001 ", references=[{"id": "GHSA-1 "}]))

    assert [each.id for each in found] == ["CVE-2026-0001", "GHSA-1"]


def test_a_vulnerability_without_an_analysis_says_nothing():
    assert claims({"id": "CVE-1"}, {"id": "CVE-2", "analysis": {}, "affects": []}) == ()


@pytest.mark.parametrize(
    ("affected", "expected"),
    [
        ("image", [("", "", None)]),
        (NODE, [("", "", None)]),
        (LINK + "image", [("", "", None)]),
        (purl(AMD64), [("", "", AMD64)]),
        (LINK + purl(DIGEST, "amd64"), [("", "", AMD64)]),
        ("openssl-1", [("openssl", "3.0.11-1", None)]),
        (LINK + "openssl-1", [("openssl", "3.0.11-1", None)]),
        (LINK + OPENSSL, [("openssl", "3.0.11-1", None)]),
        (LINK + "pkg%3Adeb%2Fdebian%2Fzlib1g%401.3", [("zlib1g", "1.3", None)]),
        (LINK + "pkg:deb/debian/x@1%2525", [("x", "1%25", None)]),
        ("pkg:npm/%40scope/name@1.0", [("@scope/name", "1.0", None)]),
        # What is no package by a purl is nothing, never the whole image.
        ("no-such-component", []),
        (LINK + "no-such-component", []),
        ("urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1", []),
        ("pkg:oci/python", []),
    ],
)
def test_what_is_affected_is_the_image_or_a_package_in_it(
    affected: str, expected: list[tuple[str, str, object]]
):
    found = claims(analysed(affected))

    assert [(each.package, each.version, each.part) for each in found] == expected


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([], ["3.0.11-1"]),
        ([{"version": "1.1"}], ["1.1"]),  # bom-examples: "resolved" of these
        ([{"version": "1.1", "status": "unaffected"}, {"version": "1.2"}], ["1.1", "1.2"]),
        ([{"version": "1.1", "status": "affected"}], []),
        ([{"version": "1.1", "status": "affected"}, {"version": "1.2"}], ["1.2"]),
        ([{"version": "1.1", "status": "unknown"}], []),
        ([{"range": "vers:deb/<=9", "status": "unaffected"}], []),
    ],
)
def test_versions_narrow_it_and_ranges_excuse_nothing(
    versions: list[dict[str, str]], expected: list[str]
):
    found = claims(analysed({"ref": "openssl-1", "versions": versions}))

    assert [each.version for each in found] == expected


@pytest.mark.parametrize(
    ("version", "expected"), [(str(DIGEST), [None]), (str(AMD64), [AMD64]), ("20-alpine", [])]
)
def test_a_version_of_the_image_is_its_digest(version: str, expected: list[object]):
    found = claims(analysed({"ref": "image", "versions": [{"version": version}]}))

    assert [each.part for each in found] == expected


@pytest.mark.parametrize(
    ("metadata", "expected"), [(IMAGE, 1), (PRODUCT, 0), ({}, 0), ({"component": {}}, 0)]
)
def test_a_package_is_in_the_image_that_the_document_is_about(
    metadata: dict[str, Any], expected: int
):
    assert len(claims(analysed(OPENSSL), metadata=metadata)) == expected
    assert len(claims(analysed(NODE), metadata=metadata)) == 1


def test_nested_components_are_known_and_too_deep_ones_refused():
    inner: dict[str, Any] = {"type": "library", "bom-ref": "inner", "purl": OPENSSL}
    deep = inner
    for _ in range(49):
        deep = {"type": "library", "components": [deep]}
    deeper = {"type": "library", "components": [deep]}

    for components in ([{"type": "library", "components": [inner]}], [deep]):
        found = claims(analysed("inner"), components=components)
        assert [each.package for each in found] == ["openssl"]
    with pytest.raises(InvalidVex, match="expected at most 50 levels of components"):
        claims(analysed("inner"), components=[deeper])


def test_components_of_what_the_document_is_about_are_known_too():
    inner = {"type": "library", "bom-ref": "inner", "purl": OPENSSL}
    image = {"type": "container", "bom-ref": "image", "purl": NODE, "components": [inner]}

    found = claims(analysed("inner"), metadata={"component": image}, components=[])

    assert [each.package for each in found] == ["openssl"]


def test_components_without_a_reference_or_without_a_purl_are_no_fault():
    plain = [{"name": "a", "purl": OPENSSL}, {"name": "b", "purl": "pkg:deb/debian/zlib1g"}]
    unnamed = [{"bom-ref": "a", "name": "a"}, {"bom-ref": "a", "name": "b"}]

    assert claims(analysed("a"), components=[*plain, *unnamed]) == ()


@pytest.mark.parametrize(
    ("bom_ref", "ref"),
    [
        ("open%20ssl", LINK + "open%20ssl"),
        ("open ssl", LINK + "open%20ssl"),
        (LINK + "openssl", LINK + "openssl"),
        ("openssl", LINK.upper() + "openssl"),
    ],
)
def test_a_reference_is_taken_as_it_is_written_then_as_it_is_decoded(bom_ref: str, ref: str):
    components = [{"type": "library", "bom-ref": bom_ref, "purl": OPENSSL}]

    assert [each.package for each in claims(analysed(ref), components=components)] == ["openssl"]


TWICE = [{"bom-ref": "a", "purl": OPENSSL}, {"bom-ref": "a", "purl": "pkg:deb/debian/zlib1g"}]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            cyclonedx(specVersion="1.3"),
            "specVersion: expected 1.4 or 1.5 or 1.6 or 1.7, found '1.3'",
        ),
        (cyclonedx(bomFormat="SPDX"), "bomFormat: expected CycloneDX, found 'SPDX'"),
        (cyclonedx(vulnerabilities=None), "vulnerabilities: expected it, found nothing"),
        (cyclonedx(analysed(state="safe")), r"\[0\].analysis.state: expected not_affected or"),
        (cyclonedx(analysed(affects=[])), r"\[0\].affects: expected what the analysis is about"),
        (cyclonedx(analysed({"ref": ""})), r"affects\[0\].ref: expected text, found nothing"),
        (cyclonedx(analysed({"ref": "image", "version": "1"})), "expected no keys but ref, vers"),
        (
            cyclonedx(analysed({"ref": "image", "versions": [{"from": "1"}]})),
            r"versions\[0\]: expected no keys but range, status, version, found 'from'",
        ),
        (cyclonedx(analysed("pkg:deb/@")), r"affects\[0\].ref: expected a package URL"),
        (cyclonedx(analysed(id="")), r"vulnerabilities\[0\].id: expected text, found nothing"),
        (cyclonedx(analysed(references=[{"id": ""}])), "expected ids of 1 to 200"),
        (cyclonedx(components=TWICE), r"components\[1\].bom-ref: expected one component by it"),
        (cyclonedx(components=[{"purl": "pkg:x"}]), r"components\[0\].purl: expected a package"),
        (cyclonedx(metadata={"timestamp": "now"}), "metadata.timestamp: expected a time"),
    ],
)
def test_what_is_not_whole_is_refused_with_file_place_expected_and_found(
    document: bytes, told: str
):
    with pytest.raises(InvalidVex, match=rf"^vex/node.json: .*{told}"):
        read("vex/node.json", document)


@pytest.mark.parametrize(
    ("metadata", "author"),
    [
        ({"authors": [{"email": "a@contoso.com"}]}, "a@contoso.com"),
        ({"authors": [{}], "supplier": {"name": "Contoso"}}, "Contoso"),
        ({}, ""),
    ],
)
def test_the_author_is_who_the_document_names(metadata: dict[str, Any], author: str):
    (found,) = claims(analysed(NODE), metadata=metadata)

    assert found.statement.author == author
