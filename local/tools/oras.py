"""The stand-in for `oras attach`: files in, an artifact that refers to a digest out."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.tools import flags
from local.tools.errors import ToolError
from local.tools.registry import Registry
from local.tools.trivy import check_platform, choose, parse_image, read_config
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.platform import InvalidPlatform, Platform

VERSION = "1.2.0 (stand-in of Breakwater's local Azure; in Azure the real oras runs)"
_VALUED = frozenset({"artifact-type", "annotation", "platform", "export-manifest"})
_SWITCHES = frozenset({"disable-path-validation", "no-tty", "verbose"})
_SHORT = {"a": "annotation", "v": "verbose"}
_LAYER = "application/vnd.oci.image.layer.v1.tar"  # oras's media type of a file that names none
_TITLE = "org.opencontainers.image.title"
_CREATED = "org.opencontainers.image.created"
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True)
class File:
    """A file to attach: the name its layer carries, its media type and its content."""

    name: str
    media_type: str
    content: bytes

    @property
    def descriptor(self) -> dict[str, Any]:
        """The layer's descriptor; the title is how oras finds the name again on pull."""
        return {
            "mediaType": self.media_type,
            "digest": str(Digest.of(self.content)),
            "size": len(self.content),
            "annotations": {_TITLE: self.name},
        }


def main(arguments: Sequence[str]) -> int:
    """Run one command line; failures go to stderr in oras's manner."""
    try:
        _command(arguments)
    except ToolError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _command(arguments: Sequence[str]) -> None:
    if list(arguments) == ["version"]:
        print(f"Version:        {VERSION}")
        return
    if not arguments or arguments[0] != "attach":
        found = arguments[0] if arguments else "nothing"
        message = f"unknown command {found!r} for the stand-in of oras; it has: attach, version"
        raise ToolError(message)
    _attach(flags.parse(arguments[1:], valued=_VALUED, switches=_SWITCHES, short=_SHORT))


def _attach(options: flags.Flags) -> None:
    artifact_type = options.one("artifact-type")
    if not artifact_type:
        message = 'required flag(s) "artifact-type" not set'
        raise ToolError(message)
    if not options.positional:
        message = "expected <registry>/<repository>@<digest>, found nothing"
        raise ToolError(message)
    reference, *names = options.positional
    annotations = dict(_annotation(each) for each in options.all("annotation"))
    if not names and not annotations:
        message = "neither file nor annotation provided in the command"
        raise ToolError(message)
    files = [_read(name, unchecked=options.on("disable-path-validation")) for name in names]
    image, digest = parse_image(reference)
    registry = Registry(image, "pull,push")
    subject = _subject(registry, digest, options.one("platform"))
    raw = pack(artifact_type, files, subject, annotations, datetime.now(UTC))
    _push(registry, files)
    attached = registry.push_manifest(raw, media_types.OCI_MANIFEST)
    print(f"Attached to [registry] {image.at(subject.digest)}")
    print(f"Digest: {attached}")
    if exported := options.one("export-manifest"):
        Path(exported).write_bytes(raw)


def pack(
    artifact_type: str,
    files: Sequence[File],
    subject: Manifest,
    annotations: Mapping[str, str],
    now: datetime,
) -> bytes:
    """Build the manifest as oras 1.2 does: an empty config, the files, the subject, a date."""
    empty = {
        "mediaType": media_types.OCI_EMPTY,
        "digest": str(Digest.of(_EMPTY)),
        "size": len(_EMPTY),
        "data": "e30=",
    }
    # image-spec, manifest.md: an artifact without content has one layer, the empty descriptor.
    layers = [file.descriptor for file in files] or [empty]
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": empty,
        "layers": layers,
        "subject": {
            "mediaType": subject.media_type,
            "digest": str(subject.digest),
            "size": len(subject.raw),
        },
        "annotations": {_CREATED: now.strftime("%Y-%m-%dT%H:%M:%SZ"), **annotations},
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _push(registry: Registry, files: Sequence[File]) -> None:
    registry.push_blob(_EMPTY)
    for file in files:
        short = Digest.of(file.content).hex[:12]
        verb = "Uploaded " if registry.push_blob(file.content) else "Exists   "
        print(f"{verb} {short} {file.name}")


def _subject(registry: Registry, digest: Digest, text: str) -> Manifest:
    manifest = registry.manifest(digest)
    if not text:
        return manifest
    try:
        platform = Platform.parse(text)
    except InvalidPlatform as error:
        raise ToolError(str(error)) from error
    chosen = choose(manifest, registry, platform)
    check_platform(read_config(registry, chosen)[1], platform)
    return chosen


def _read(text: str, *, unchecked: bool) -> File:
    name, _, media_type = text.partition(":")
    if not unchecked and (Path(name).is_absolute() or ".." in Path(name).parts):
        message = f"{name}: absolute or outside the working folder; use --disable-path-validation"
        raise ToolError(message)
    try:
        return File(name, media_type or _LAYER, Path(name).read_bytes())
    except OSError as error:
        message = f"failed to load {name}: {error.strerror}"
        raise ToolError(message) from error


def _annotation(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        message = f"expected an annotation as key=value, found {text!r}"
        raise ToolError(message)
    return key.strip(), value.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
