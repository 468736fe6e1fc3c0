"""A manifest or index, parsed from the exact bytes whose digest names it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.oci import media_types
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.platform import InvalidPlatform, Platform

LARGEST = 4 << 20  # bytes; distribution-spec 1.1 asks registries to take 4 MiB, and ACR takes that

_KEYS = frozenset(
    {"mediaType", "artifactType", "schemaVersion", "manifests", "layers", "config", "subject"}
    | {"annotations", "digest", "size", "urls", "data", "platform", "os", "architecture", "variant"}
)
_FOLDED = {key.casefold(): key for key in _KEYS}


class InvalidManifest(ValueError):
    """The bytes are not a manifest or index that OCI or Docker defines."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What points at content: media type, digest and size in bytes (image-spec, descriptor.md)."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest or index together with its bytes."""

    media_type: str
    raw: bytes
    digest: Digest
    manifests: tuple[Descriptor, ...] = ()
    layers: tuple[Descriptor, ...] = ()
    config: Descriptor | None = None
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_index(self) -> bool:
        """Whether this lists manifests of several platforms."""
        return self.media_type in media_types.INDEXES

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor that points at this manifest."""
        return Descriptor(
            self.media_type, self.digest, len(self.raw), artifact_type=self.artifact_type
        )

    def platforms(self) -> dict[Platform, Descriptor]:
        """Return an index's manifest of each platform; attestations (`unknown/unknown`) are none.

        A platform is left out where engines choose by rules of their own, because what was scanned
        and what is pulled might then be two images. `ambiguous_platforms` names them.
        """
        ambiguous = self.ambiguous_platforms()
        return {
            platform: claims[0]
            for platform, claims in self._claims().items()
            if platform not in ambiguous
        }

    def ambiguous_platforms(self) -> frozenset[Platform]:
        """Return the platforms whose manifest depends on who chooses.

        All of them, if any entry has no platform that everybody reads alike: a missing one means
        linux/amd64 to some (go-containerregistry) and the engine's own to others (containerd), and a
        nested index may hold anything. Else those that two manifests claim; variants of one
        architecture are rivals too, but for 32-bit arm, where every engine compares them.
        """
        claims = self._claims()
        if not all(_is_placed(each) for each in self.manifests):
            return frozenset(claims)
        rivals: dict[tuple[str, ...], set[Digest]] = {}
        for platform, each in claims.items():
            rivals.setdefault(_rivalry(platform), set()).update(one.digest for one in each)
        return frozenset(each for each in claims if len(rivals[_rivalry(each)]) > 1)

    def _claims(self) -> dict[Platform, list[Descriptor]]:
        claims: dict[Platform, list[Descriptor]] = {}
        for each in self.manifests:
            if each.platform is not None and each.platform.os != "unknown":
                claims.setdefault(each.platform, []).append(each)
        return claims


def _is_placed(entry: Descriptor) -> bool:
    """Tell whether every engine reads the entry as a manifest of the same one platform."""
    return entry.platform is not None and entry.media_type in media_types.MANIFESTS


def _rivalry(platform: Platform) -> tuple[str, ...]:
    variant = platform.variant if platform.architecture == "arm" else ""
    return (platform.os, platform.architecture, variant)


def parse(raw: bytes, media_type: str = "") -> Manifest:
    """Parse a manifest's bytes; the body's own `mediaType` must agree with the header's.

    Refuses what two readers could read as two things. Raises InvalidManifest, naming the field.
    """
    body = _body(raw)
    kind = _kind(body, media_type)
    config, subject = body.get("config"), body.get("subject")
    configured = descriptor(config, "config") if config is not None else None
    return Manifest(
        media_type=kind,
        raw=raw,
        digest=Digest.of(raw),
        manifests=_descriptors(body, "manifests"),
        layers=_descriptors(body, "layers"),
        config=configured,
        subject=descriptor(subject, "subject") if subject is not None else None,
        artifact_type=_text(body, "artifactType", "")
        or (configured.media_type if configured else ""),
        annotations=_annotations(body.get("annotations"), "annotations"),
    )


def descriptor(body: object, place: str) -> Descriptor:
    """Parse one descriptor found at `place`. Raises InvalidManifest."""
    if not isinstance(body, dict):
        message = f"{place}: expected a descriptor, found {type(body).__name__}"
        raise InvalidManifest(message)
    _spelled(body, f"{place}.")
    size = body.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        message = f"{place}.size: expected a number of bytes, found {size!r}"
        raise InvalidManifest(message)
    try:
        digest = Digest(_text(body, "digest", f"{place}."))
    except InvalidDigest as error:
        message = f"{place}.digest: {error}"
        raise InvalidManifest(message) from error
    return Descriptor(
        media_type=_text(body, "mediaType", f"{place}."),
        digest=digest,
        size=size,
        platform=_platform(body.get("platform"), place),
        artifact_type=_text(body, "artifactType", f"{place}."),
        annotations=_annotations(body.get("annotations"), f"{place}.annotations"),
    )


def _body(raw: bytes) -> dict[str, Any]:
    if len(raw) > LARGEST:
        message = f"expected a manifest of at most {LARGEST} bytes, found {len(raw)}"
        raise InvalidManifest(message)
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        message = f"expected a manifest in JSON, found {raw[:60]!r} ({error})"
        raise InvalidManifest(message) from error
    if not isinstance(body, dict):
        message = f"expected a manifest as a JSON object, found {type(body).__name__}"
        raise InvalidManifest(message)
    _spelled(body, "")
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        message = "a key twice in one object"
        raise ValueError(message)
    return body


def _spelled(body: Mapping[str, Any], place: str) -> None:
    # Go's encoding/json takes `Manifests` for `manifests`: engines would read what we did not.
    for key in body:
        if key not in _KEYS and key.casefold() in _FOLDED:
            message = f"{place}{key[:40]}: expected {_FOLDED[key.casefold()]!r} spelled so"
            raise InvalidManifest(message)


def _kind(body: Mapping[str, Any], media_type: str) -> str:
    header = media_type.partition(";")[0].strip().lower()
    known = media_types.INDEXES | media_types.MANIFESTS
    kind = _text(body, "mediaType", "") or (header if header in known else _inferred(body))
    if kind not in known:
        message = f"expected a manifest or index media type, found {kind[:100]!r}"
        raise InvalidManifest(message)
    if header in known and header != kind:
        message = f"media type: the header says {header}, the body says {kind}"
        raise InvalidManifest(message)
    # image-spec, GHSA-77vh-xpmg-72qh: a document that is both an index and a manifest is neither.
    foreign = ("layers", "config") if kind in media_types.INDEXES else ("manifests",)
    for key in foreign:
        if body.get(key) is not None:
            message = f"{key}: expected none in {kind}, found some"
            raise InvalidManifest(message)
    return kind


def _inferred(body: Mapping[str, Any]) -> str:
    if "manifests" in body:
        return media_types.OCI_INDEX
    return media_types.OCI_MANIFEST if "config" in body or "layers" in body else ""


def _text(body: Mapping[str, Any], key: str, place: str) -> str:
    found = body.get(key)
    if found is not None and not isinstance(found, str):
        message = f"{place}{key}: expected text, found {type(found).__name__}"
        raise InvalidManifest(message)
    return found or ""


def _descriptors(body: Mapping[str, Any], key: str) -> tuple[Descriptor, ...]:
    found = body.get(key)
    if found is None:
        return ()
    if not isinstance(found, list):
        message = f"{key}: expected a list, found {type(found).__name__}"
        raise InvalidManifest(message)
    return tuple(descriptor(each, f"{key}[{number}]") for number, each in enumerate(found))


def _platform(body: object, place: str) -> Platform | None:
    if body is None:
        return None
    if not isinstance(body, dict):
        message = f"{place}.platform: expected an object, found {type(body).__name__}"
        raise InvalidManifest(message)
    _spelled(body, f"{place}.platform.")
    parts = [_text(body, key, f"{place}.platform.") for key in ("os", "architecture", "variant")]
    if not parts[0] or not parts[1]:
        return None  # some engines fill in what is missing, each in its own way
    try:
        return Platform.parse("/".join(part for part in parts if part))
    except InvalidPlatform:
        return None


def _annotations(body: object, place: str) -> dict[str, str]:
    if body is None:
        return {}
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        message = f"{place}: expected text by name, found {str(body)[:100]!r}"
        raise InvalidManifest(message)
    return dict(body)
