"""What staging holds of a digest: its manifest, its platforms, and the scans of those."""

import json

from handlers import runs
from handlers.recording import Subject
from shared.catalog import Image, ScanMode
from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.policy.facts import Scan, Staged
from shared.services import Services
from shared.values import Row

_LARGEST_CONFIG = 4 * 1024 * 1024  # bytes


def held(services: Services, repository: Repository, digest: Digest) -> Staged | None:
    """Return what staging holds of the digest; None where it holds nothing."""
    entry = services.data_plane.manifest_entry(repository, digest)
    manifest = services.data_plane.manifest(repository, digest) if entry else None
    if entry is None or manifest is None:
        return None
    if manifest.is_index:
        platforms = {each: at.digest for each, at in manifest.platforms().items()}
    else:
        single = _single_platform(services, repository, manifest)
        platforms = {single: digest} if single else {}
    return Staged(manifest.media_type, entry.first_seen, platforms)


def scans(
    services: Services,
    image: Image,
    subject: Subject,
    repository: Repository,
    staged: Staged | None,
    rows: tuple[Row, ...],
    *,
    follow: bool,
) -> tuple[Scan, ...]:
    """Return the scan of each required platform that staging holds, where the gate asks for scans."""
    if staged is None or image.gate.scan is ScanMode.NONE:
        return ()
    targets = (
        runs.Target(subject, repository, platform, staged.platforms[platform])
        for platform in image.platforms
        if platform in staged.platforms
    )
    return tuple(runs.scan(services, target, rows, follow=follow) for target in targets)


def _single_platform(
    services: Services, repository: Repository, manifest: Manifest
) -> Platform | None:
    """Return the platform an image without an index names in its configuration."""
    if manifest.config is None or manifest.config.size > _LARGEST_CONFIG:
        return None
    try:
        body = json.loads(
            services.data_plane.blob(repository, manifest.config.digest, _LARGEST_CONFIG)
        )
        parts = (body["os"], body["architecture"], body.get("variant", ""))
        return Platform.parse("/".join(part for part in parts if part))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Permanent):
        return None  # an artifact, or a configuration nobody can place: it lacks every platform
