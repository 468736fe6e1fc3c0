"""OpenVEX documents: what they excuse in node's image, and what is refused."""

import json
from typing import Any

import pytest

from shared.oci.digest import Digest
from shared.vex.reading import InvalidVex, read
from shared.vex.standing import Claim, standing
from tests.vexes import AMD64, ARM64, CANDIDATE, DIGEST, NODE, OPENSSL, openvex, purl, statement

OTHER = Digest.of(b"another")
HASHED = {"@id": "pkg:oci/node", "hashes": {"sha-256": DIGEST.hex}}


def claims(*statements: dict[str, Any], **changes: Any) -> tuple[Claim, ...]:
    """What the document excuses in the candidate."""
    return standing(read("vex/node.json", openvex(*statements, **changes)), CANDIDATE)


def parts(*products: str | dict[str, Any]) -> list[Digest | None]:
    """The manifests in which a statement about these products excuses."""
    return [each.part for each in claims(statement(*products))]


@pytest.mark.parametrize(
    ("status", "excuses"),
    [("not_affected", True), ("fixed", True), ("affected", False), ("under_investigation", False)],
)
def test_a_status_excuses_or_does_not(status: str, excuses: bool):
    assert bool(claims(statement(status=status))) == excuses


@pytest.mark.parametrize(
    "justification",
    [
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    ],
)
def test_every_justification_of_the_specification_is_known(justification: str):
    (claim,) = claims(statement(justification=justification))

    assert claim.statement.reason == f"not_affected: {justification}"


def test_every_key_of_a_statement_that_the_schema_has_is_known():
    keys: dict[str, Any] = {
        "@id": "https://contoso.com/vex#1",
        "version": 2,
        "timestamp": "2026-11-01T08:00:00Z",
        "last_updated": "2026-11-02T08:00:00Z",
        "supplier": "Contoso",
        "status_notes": "seen",
        "impact_statement": "never called",
        "action_statement": "wait",
        "action_statement_timestamp": "2026-11-01T08:00:00Z",
    }

    assert len(claims(statement(**keys))) == 1


def test_an_excuse_says_why_who_and_where():
    told = statement(id="CVE-2026-0001", impact_statement="never\n called", status_notes="seen")
    (claim,) = claims(told)

    assert (claim.id, claim.package, claim.version, claim.part) == ("CVE-2026-0001", "", "", None)
    assert claim.statement.reason == "not_affected: vulnerable_code_not_present: never called"
    assert claim.statement.author == "Contoso Platform <platform@contoso.com>"
    assert claim.statement.source == "vex/node.json"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"status": "fixed", "status_notes": "rebuilt"}, "fixed: rebuilt"),
        ({"status": "fixed"}, "fixed"),
        (
            {"justification": None, "impact_statement": "never called"},
            "not_affected: never called",
        ),
    ],
)
def test_why_is_told_by_whatever_the_statement_has(said: dict[str, Any], reason: str):
    (claim,) = claims(statement(**said))

    assert claim.statement.reason == reason


def test_blanks_around_an_id_are_no_part_of_it():
    vulnerability = {"name": " CVE-2026-0001 ", "aliases": ["GHSA-1\t"]}

    found = [
        each.ids for each in read("vex/a.json", openvex(statement(vulnerability=vulnerability)))
    ]

    assert found == [("CVE-2026-0001", "GHSA-1")]


def test_aliases_are_excused_too():
    vulnerability = {
        "@id": "https://nvd.nist.gov/vuln/detail/CVE-2026-0001",
        "name": "CVE-2026-0001",
        "description": "some text",
        "aliases": ["GHSA-jfh8-c2jp-5v3q", "CVE-2026-0001", "cve-2026-0001"],
    }

    found = claims(statement(vulnerability=vulnerability))

    assert sorted(each.id.upper() for each in found) == ["CVE-2026-0001", "GHSA-JFH8-C2JP-5V3Q"]


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (NODE, [None]),
        ("pkg:oci/node", [None]),
        ("pkg:oci/Node", [None]),
        ({"identifiers": {"purl": NODE}}, [None]),
        ({"@id": "https://contoso.com/node", "identifiers": {"purl": NODE}}, [None]),
        ({"@id": NODE, "identifiers": {"purl": NODE}, "supplier": "Contoso"}, [None]),
        ("pkg:oci/node?repository_url=contosobase.azurecr.io/base/node", [None]),
        (purl(DIGEST), [None]),
        (f"pkg:oci/node@{DIGEST}", [None]),
        (f"pkg:oci/node@{DIGEST}?tag=20-alpine", [None]),
        (HASHED, [None]),
        ({"@id": "pkg:oci/node", "hashes": {"sha-256": DIGEST.hex.upper()}}, [None]),
        (HASHED | {"@id": "pkg:oci/node?tag=20-alpine"}, [None]),
        (HASHED | {"@id": "pkg:oci/node@20-alpine"}, []),
        ({"@id": NODE, "hashes": {"sha-256": DIGEST.hex, "sha-512": "ab" * 64}}, [None]),
        (purl(AMD64), [AMD64]),
        (purl(DIGEST, "amd64"), [AMD64]),
        (purl(DIGEST, "aarch64"), [ARM64]),
        (NODE + "&arch=arm64", [ARM64]),
        (NODE + "&ARCH=arm64", [ARM64]),
        # What Docker Scout and the hardened images name images by.
        ("pkg:docker/library/node", [None]),
        ("pkg:docker/node", [None]),
        (f"pkg:docker/node@{DIGEST}", [None]),
        (f"pkg:docker/node@{AMD64}?platform=linux%2Famd64", [AMD64]),
        ("pkg:docker/node?platform=linux%2Farm64", [ARM64]),
        ("pkg:docker/node?platform=linux%2Farm64&arch=arm64", [ARM64]),
        ("pkg:docker/node@20", []),
        ("pkg:docker/evil/node", []),
        ("pkg:docker/node?platform=linux%2Fs390x", []),
        ("pkg:docker/node?platform=windows%2Famd64", []),
        (f"pkg:docker/node@{AMD64}?platform=linux%2Farm64", []),
        ("pkg:docker/node?platform=linux%2Farm64&arch=amd64", []),
        # Another image, another digest, another platform.
        ("pkg:oci/python", []),
        ("pkg:oci/node?repository_url=ghcr.io/evil/node", []),
        (purl(OTHER), []),
        ({"@id": "pkg:oci/node", "hashes": {"sha-256": OTHER.hex}}, []),
        (purl(AMD64, "arm64"), []),
        (NODE + "&arch=s390x", []),
        # What narrows it and cannot be checked.
        ("pkg:oci/node@20-alpine", []),
        ("pkg:oci/node@sha256%3A244fd47e07d10", []),
        (NODE + "&tag=20-alpine", []),
        (NODE + "&arch=no%20such", []),
        (NODE + "#usr/bin", []),
        ({"@id": NODE, "hashes": {"sha-512": "ab" * 64}}, []),
        # What is no image by a purl.
        (OPENSSL, []),
        ("pkg:npm/node", []),  # a package of the image's name
        ({"@id": "https://contoso.com/node"}, []),
        ({"identifiers": {"cpe23": "cpe:2.3:a:nodejs:node.js:20:*:*:*:*:*:*:*"}}, []),
        ({}, []),
    ],
)
def test_a_product_is_the_image_or_is_about_nothing(
    product: str | dict[str, Any], expected: list[Digest | None]
):
    assert parts(product) == expected


@pytest.mark.parametrize(
    ("subcomponents", "expected"),
    [
        ([], [("", "")]),
        ([{"@id": OPENSSL}], [("openssl", "3.0.11-1")]),
        ([{"identifiers": {"purl": "pkg:npm/%40scope/name"}}], [("@scope/name", "")]),
        ([{"@id": "pkg:maven/g/a@1"}], [("g:a", "1"), ("a", "1")]),
        # One that cannot be told must not make it the whole image.
        ([{"@id": "openssl"}], []),
        ([{}], []),
        ([{"@id": "pkg:oci/alpine"}], []),
        ([{"@id": "openssl"}, {"@id": "pkg:deb/debian/zlib1g"}], [("zlib1g", "")]),
    ],
)
def test_subcomponents_narrow_it_to_packages(
    subcomponents: list[dict[str, Any]], expected: list[tuple[str, str]]
):
    found = claims(statement({"@id": NODE, "subcomponents": subcomponents}))

    assert [(each.package, each.version) for each in found] == expected


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (openvex(statement(justification=None)), "justification: expected it or an impact_statem"),
        (
            openvex(statement(justification="because")),
            r"statements\[0\].justification: expected co",
        ),
        (openvex(statement(status="safe")), r"statements\[0\].status: expected not_affected or "),
        (openvex(statement(products=[])), r"statements\[0\].products: expected at least one"),
        (openvex(statement(products=None)), "products: expected at least one, found none"),
        (
            openvex(statement(vulnerability="CVE-1", subcomponents=["pkg:npm/x"])),
            r"statements\[0\].vulnerability: expected an object as in OpenVEX 0.2.0, found text as in",
        ),
        (openvex(statement(id="")), "vulnerability.name: expected text, found nothing"),
        (openvex(statement(vulnerability={"name": "C", "aliases": [1]})), r"aliases\[0\]: expect"),
        (openvex(statement(vulnerability={"name": "C", "aliases": [""]})), "expected ids of 1 to"),
        (openvex(statement("pkg:oci")), r"products\[0\]: expected a package URL"),
        (openvex(statement({"@id": NODE, "subcomponent": []})), "expected no keys but @id"),
        (openvex(statement(product=[])), r"statements\[0\]: expected no keys but .* 'product'"),
        (
            openvex(statement({"@id": NODE, "identifiers": {"purl": "pkg:oci/other"}})),
            "identifiers.purl: expected that of @id",
        ),
        (openvex(statement({"@id": NODE, "hashes": {"sha-256": "x"}})), "sha-256: expected 64 hex"),
        (openvex(statement(timestamp="yesterday")), r"statements\[0\].timestamp: expected a time"),
        (openvex(statement(timestamp="2026-11-01T09:00:00")), "expected a time with its zone"),
        (openvex(timestamp=None), "timestamp: expected it, found nothing"),
        (openvex(author=" "), "author: expected text, found nothing"),
        (openvex(statements=None), "statements: expected it, found nothing"),
        (openvex(statements={}), "statements: expected a list"),
        (
            openvex(**{"@context": "https://openvex.dev/ns/v9"}),
            "@context: expected https://openvex",
        ),
        (openvex(**{"@context": ["https://openvex.dev/ns"]}), "@context: expected text"),
        (openvex(statement())[:-2], "expected a VEX document in JSON"),
        (b"", "expected a VEX document in JSON"),
        (b"[]", "expected a VEX document as a JSON object, found a list"),
        (b'{"document": {"category": "csaf_vex"}}', "expected OpenVEX .* found 'document'"),
        (b"[" * 100_000, "expected a VEX document in JSON"),
        (b" " * (1024 * 1024 + 1), "expected a VEX document of at most 1048576 bytes"),
    ],
)
def test_what_is_not_whole_is_refused_with_file_place_expected_and_found(
    document: bytes, told: str
):
    with pytest.raises(InvalidVex, match=rf"^vex/node.json: .*{told}"):
        read("vex/node.json", document)


def test_what_one_document_excuses_is_bounded():
    inside = [{"@id": f"pkg:deb/debian/p{number}"} for number in range(201)]
    names = {"name": "CVE-1", "aliases": [f"CVE-{number}" for number in range(2, 51)]}
    document = openvex(statement({"@id": NODE, "subcomponents": inside}, vulnerability=names))
    most = openvex(statement({"@id": NODE, "subcomponents": inside[1:]}, vulnerability=names))

    assert len(read("vex/node.json", most)) == 1
    with pytest.raises(InvalidVex, match="expected at most 10000 ids of packages of images"):
        read("vex/node.json", document)


def test_an_id_has_at_most_200_characters():
    longest = openvex(statement(id="C" * 200))

    assert len(read("vex/node.json", longest)) == 1
    with pytest.raises(InvalidVex, match="expected ids of 1 to 200 printable characters"):
        read("vex/node.json", openvex(statement(id="C" * 201)))


def test_a_byte_order_mark_and_a_context_without_a_version_are_fine():
    document = openvex(statement(), **{"@context": "https://openvex.dev/ns"})

    assert len(read("vex/node.json", b"\xef\xbb\xbf" + document)) == 1
    assert json.loads(document)["statements"]
