"""What a registry's answers mean: descriptors, manifests, refusals; no I/O."""

import json

from shared.oci import media_types
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.manifest import Descriptor, InvalidManifest, Manifest, parse
from shared.registry.transport import Answer
from shared.values import Resolved, Unresolved

_KINDS = {each: each for each in media_types.INDEXES | media_types.MANIFESTS}
_OK, _NOT_FOUND = 200, 404
# distribution-spec 1.1, "Error Codes". Only these are repeated: a registry's own words might be
# anything, our token included.
_CODES = frozenset(
    {"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "DENIED"}
    | {"MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID"}
    | {"NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "UNSUPPORTED", "TOOMANYREQUESTS", "UNKNOWN"}
)


def refused(answer: Answer) -> str:
    """Say what a registry answered instead: its status, and its error codes if it sent some."""
    codes = sorted(_codes(answer.content))
    return f"HTTP {answer.status}{' ' if codes else ''}{', '.join(codes)}"


def pointed_at(answer: Answer) -> Resolved | Unresolved | None:
    """Read the answer to a HEAD of a tag; None: only its bytes can tell.

    The digest header is optional (distribution-spec 1.1, "Pulling manifests"), and some registries answer
    405 to HEAD.
    """
    if answer.status == _NOT_FOUND:
        return Resolved(None)
    if answer.status == 405:  # noqa: PLR2004 HTTP's own number
        return None
    if answer.status != _OK:
        return Unresolved(refused(answer))
    headers = answer.headers
    text, kind = headers.get("Docker-Content-Digest"), media_type(answer)
    if not text or not kind:
        return None
    if kind not in _KINDS:
        return Unresolved(f"expected a manifest or index, found {kind[:100]!r}")
    try:
        digest = Digest(text)
    except InvalidDigest as error:
        return Unresolved(f"Docker-Content-Digest: {error}")
    length = headers.get("Content-Length", "")
    size = int(length[:18]) if length.isascii() and length.isdigit() else 0
    return Resolved(Descriptor(_KINDS[kind], digest, size))


def hashed(answer: Answer) -> Resolved | Unresolved:
    """Read the answer to a GET of a tag; the digest is that of its bytes, whatever a header says."""
    if answer.status == _NOT_FOUND:
        return Resolved(None)
    found = manifest(answer)
    if isinstance(found, Unresolved):
        return found
    claimed = answer.headers.get("Docker-Content-Digest") or str(found.digest)
    if claimed != str(found.digest):
        return Unresolved(f"its header says {claimed[:80]!r}, its bytes are {found.digest}")
    return Resolved(Descriptor(found.media_type, found.digest, len(found.raw)))


def exactly(answer: Answer, digest: Digest) -> Manifest | Unresolved:
    """Read the answer to a GET of a digest; other bytes than that digest's are refused."""
    if answer.status == _OK and (found := Digest.of(answer.content)) != digest:
        return Unresolved(f"expected its bytes, found those of {found}")
    return manifest(answer)


def manifest(answer: Answer) -> Manifest | Unresolved:
    """Parse the manifest in an answer; its body's media type must agree with the header's."""
    if answer.status != _OK:
        return Unresolved(refused(answer))
    try:
        kind = media_type(answer)
        found = parse(answer.content, kind)
    except InvalidManifest as error:
        return Unresolved(str(error))
    if kind and kind not in _KINDS and kind not in _UNTYPED:
        return Unresolved(f"expected a manifest or index, found {kind[:100]!r}")
    return found


def index(answer: Answer) -> tuple[Descriptor, ...] | None:
    """Return what an OCI index lists; None for anything else."""
    if answer.status != _OK:
        return None
    try:
        found = parse(answer.content, media_types.OCI_INDEX)
    except InvalidManifest:
        return None
    return found.manifests if found.media_type == media_types.OCI_INDEX else None


def media_type(answer: Answer) -> str:
    """Return the Content-Type without its parameters."""
    text = answer.headers.get("Content-Type", "")
    return text if text in _KINDS else text.partition(";")[0].strip().lower()


_UNTYPED = frozenset({"application/json", "application/octet-stream", "text/plain"})


def _codes(raw: bytes) -> frozenset[str]:
    try:
        errors = json.loads(raw)["errors"]
        return _CODES & {each["code"] for each in errors}
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
