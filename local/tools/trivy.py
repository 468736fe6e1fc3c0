"""The stand-in for Trivy 0.69: `image` makes a JSON report of a remote image, `version` tells the database's age."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.tools import database, flags, osv, sbom
from local.tools.errors import ToolError
from local.tools.registry import Registry
from local.tools.report import VERSION, Subject, report
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.manifest import Manifest
from shared.oci.platform import InvalidPlatform, Platform
from shared.oci.reference import InvalidReference, Repository

_VALUED = frozenset(
    {
        "image-src", "platform", "scanners", "format", "output", "db-repository",
        "java-db-repository", "timeout",
    }
)  # fmt: skip
# Packages are listed anyway, as is 0.69's default.
_SWITCHES = frozenset(
    {"quiet", "skip-version-check", "offline-scan", "no-progress", "list-all-pkgs"}
)
_SHORT = {"f": "format", "o": "output", "q": "quiet"}
# What the real one would do otherwise (use the local daemon, find secrets, …) is not there.
_ONLY = {"image-src": "remote", "scanners": "vuln", "format": "json"}
_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")


def main(arguments: Sequence[str]) -> int:
    """Run one command line; failures go to stderr in Trivy's manner."""
    try:
        _command(arguments)
    except ToolError as error:
        print(f"FATAL\tFatal error\t{error}", file=sys.stderr)
        return 1
    return 0


def _command(arguments: Sequence[str]) -> None:
    if list(arguments) in (["--version"], ["-v"]) or list(arguments[:1]) == ["version"]:
        _version(arguments[1:])
        return
    if not arguments or arguments[0] not in ("image", "i"):
        found = arguments[0] if arguments else "nothing"
        message = f"unknown command {found!r} for the stand-in of trivy; it has: image, version"
        raise ToolError(message)
    options = flags.parse(arguments[1:], valued=_VALUED, switches=_SWITCHES, short=_SHORT)
    for name, only in _ONLY.items():
        if options.one(name) != only:
            found = options.one(name) or "nothing"
            message = f"--{name}: the stand-in only does {only!r}, found {found!r}"
            raise ToolError(message)
    text = json.dumps(_scan(options), indent=2) + "\n"
    if output := options.one("output"):
        Path(output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def _version(arguments: Sequence[str]) -> None:
    options = flags.parse(
        arguments, valued=frozenset({"format"}), switches=frozenset({"quiet"}), short=_SHORT
    )
    known = database.metadata(_advisories(), datetime.now(UTC))
    match options.one("format"), options.positional:
        case "json", ():
            print(json.dumps({"Version": VERSION, "VulnerabilityDB": known}))
        case "", ():
            told = "".join(f"\n  {key}: {value}" for key, value in known.items())
            print(f"Version: {VERSION}\nVulnerability DB:{told}")
        case found:
            message = f"version: expected no more than --format json, found {found}"
            raise ToolError(message)


def _scan(options: flags.Flags) -> dict[str, Any]:
    if len(options.positional) != 1:
        message = f"expected one image, found {len(options.positional)}: {options.positional}"
        raise ToolError(message)
    (reference,) = options.positional
    image, digest = parse_image(reference)
    platform = _platform(options.one("platform"))
    registry = Registry(image, "pull")
    manifest = choose(registry.manifest(digest), registry, platform)
    image_id, config = read_config(registry, manifest)
    check_platform(config, platform)
    packages = sbom.of(
        image, manifest.digest, platform, timeout=seconds(options.one("timeout", "5m"))
    )
    subject = Subject(reference, image.at(manifest.digest), image_id, config)
    return report(subject, packages, osv.load(_advisories()), datetime.now(UTC))


def parse_image(text: str) -> tuple[Repository, Digest]:
    """Parse `host/repository@digest`. Raises ToolError for anything else, tags included."""
    name, _, digest = text.partition("@")
    try:
        return Repository.parse(name), Digest(digest)
    except (InvalidReference, InvalidDigest) as error:
        message = f"expected an image like host/repository@sha256:…, found {text[:300]!r} ({error})"
        raise ToolError(message) from error


def choose(manifest: Manifest, registry: Registry, platform: Platform | None) -> Manifest:
    """Return the manifest itself, or the one an index holds for the platform."""
    if not manifest.is_index:
        return manifest
    wanted = platform or Platform("linux", "amd64")  # Trivy's default, whatever it runs on
    entry = manifest.platforms().get(wanted)
    if entry is None:
        held = ", ".join(str(each) for each in manifest.platforms()) or "none"
        message = f"no image for platform {wanted} in the index {manifest.digest}; it has {held}"
        raise ToolError(message)
    return registry.manifest(entry.digest)


def read_config(registry: Registry, manifest: Manifest) -> tuple[str, dict[str, Any]]:
    """Return the digest and the content of an image's config. Raises ToolError if it has none."""
    if manifest.config is None:
        message = f"{manifest.digest}: expected an image, found a manifest without a config"
        raise ToolError(message)
    try:
        config = json.loads(registry.blob(manifest.config.digest))
    except ValueError as error:
        message = f"{manifest.config.digest}: expected a config in JSON, found {error}"
        raise ToolError(message) from error
    if not isinstance(config, dict):
        message = f"{manifest.config.digest}: expected a config as a JSON object"
        raise ToolError(message)
    return str(manifest.config.digest), config


def check_platform(config: Mapping[str, Any], platform: Platform | None) -> None:
    """Refuse an image whose config states another platform than the one asked for."""
    parts = [str(config.get(key) or "") for key in ("os", "architecture", "variant")]
    stated = "/".join(part for part in parts if part)
    if platform is not None and _platform(stated) != platform:
        message = f"expected an image for {platform}, found one for {stated or 'no platform'}"
        raise ToolError(message)


def seconds(text: str) -> float:
    """Read a Go duration like `5m0s` or `90s`. Raises ToolError."""
    match = _DURATION.fullmatch(text)
    if not match or not text:
        message = f"--timeout: expected a duration like 5m0s, found {text!r}"
        raise ToolError(message)
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + rest)


def _platform(text: str) -> Platform | None:
    try:
        return Platform.parse(text) if text else None
    except InvalidPlatform as error:
        raise ToolError(str(error)) from error


def _advisories() -> Path:
    beside = Path(__file__).resolve().parents[1] / "advisories"
    return Path(os.environ.get("BREAKWATER_ADVISORIES") or beside)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
