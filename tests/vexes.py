"""VEX documents as people and tools write them, with everything unimportant filled in."""

import json
from typing import Any

from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.vex.standing import Candidate, repositories
from tests.builders import a_digest

DIGEST, AMD64, ARM64 = a_digest(1), a_digest(2), a_digest(3)
NODE = "pkg:oci/node?repository_url=docker.io/library/node"
OPENSSL = "pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12"
CANDIDATE = Candidate(
    "node",
    repositories(["docker.io/library/node", "contosobase.azurecr.io/base/node"]),
    DIGEST,
    {Platform.parse("linux/amd64"): AMD64, Platform.parse("linux/arm64"): ARM64},
)


def purl(digest: Digest, arch: str = "") -> str:
    """Return node's purl at this digest."""
    narrowed = f"&arch={arch}" if arch else ""
    return f"pkg:oci/node@sha256%3A{digest.hex}?repository_url=docker.io%2Flibrary%2Fnode{narrowed}"


def openvex(*statements: dict[str, Any], **changes: Any) -> bytes:
    """Return an OpenVEX document as vexctl writes it."""
    body = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://openvex.dev/docs/public/vex-2e67563e",
        "author": "Contoso Platform <platform@contoso.com>",
        "role": "Document Creator",
        "timestamp": "2026-11-01T09:08:42.647787998+01:00",
        "version": 1,
        "tooling": "vexctl",
        "statements": list(statements),
    }
    return json.dumps(body | changes).encode()


def statement(
    *products: str | dict[str, Any],
    id: str = "CVE-2026-0001",  # noqa: A002  # what a vulnerability's name is called everywhere
    status: str = "not_affected",
    **more: Any,
) -> dict[str, Any]:
    """Return one OpenVEX statement about these products."""
    named = [each if isinstance(each, dict) else {"@id": each} for each in products or (NODE,)]
    why = {"justification": "vulnerable_code_not_present"} if status == "not_affected" else {}
    body: dict[str, Any] = {"vulnerability": {"name": id}, "products": named, "status": status}
    return body | why | more


def cyclonedx(*vulnerabilities: dict[str, Any], **changes: Any) -> bytes:
    """Return a CycloneDX VEX whose subject is node's image."""
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {
            "timestamp": "2026-11-01T09:00:00Z",
            "authors": [{"name": "Contoso Platform", "email": "platform@contoso.com"}],
            "component": {
                "type": "container",
                "name": "node",
                "bom-ref": "image",
                "purl": NODE,
            },
        },
        "components": [
            {"type": "library", "name": "openssl", "bom-ref": "openssl-1", "purl": OPENSSL},
        ],
        "vulnerabilities": list(vulnerabilities),
    }
    return json.dumps(body | changes).encode()


def analysed(
    *affects: str | dict[str, Any],
    id: str = "CVE-2026-0001",  # noqa: A002  # CycloneDX's own word
    state: str = "not_affected",
    **more: Any,
) -> dict[str, Any]:
    """Return one CycloneDX vulnerability with an analysis."""
    named = [each if isinstance(each, dict) else {"ref": each} for each in affects or ("image",)]
    analysis = {"state": state, "justification": "code_not_reachable", "detail": "never\ncalled"}
    return {"id": id, "affects": named, "analysis": analysis} | more
