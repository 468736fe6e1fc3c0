"""Gathering the facts about a candidate from registries and ledger."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from handlers import records, runs
from handlers.recording import Subject
from shared.catalog import Catalog, Image, ScanMode
from shared.errors import Permanent
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.platform import Platform
from shared.oci.reference import Repository
from shared.policy import promotion
from shared.policy.candidate import platform_to_test
from shared.policy.facts import Facts, Scan, Staged, Tested, Watched
from shared.ports import Row
from shared.services import Services

MEDIA_TYPE = "media type"  # the ledger's key of what upstream called a digest
_LARGEST_CONFIG = 4 * 1024 * 1024  # bytes
_LARGEST_DECISION = 1024 * 1024  # bytes
_MOST_CONTENTS = 50  # manifests in an index, nested ones and itself included


@dataclass(frozen=True, slots=True)
class Decided:
    """Our decision on a digest, and the reports and results it names."""

    digest: Digest
    named: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Gathered(Facts):
    """Facts, with the decision that `decided` rests on: listing it once is enough."""

    decision: Decided | None = None


def facts(services: Services, catalog: Catalog, image: Image, subject: Subject) -> Gathered:
    """Return everything known about the candidate now."""
    repository = catalog.staging.repository(image.name)
    staged = _staged(services, repository, subject.digest)
    rows = services.ledger.rows(subject.id)
    base = catalog.base.repository(image.name)
    held = {tag: _digest_of(services, base, tag) for tag in image.tags}
    found = decision(services, base, subject.digest) if subject.digest in held.values() else None
    return Gathered(
        image=image,
        digest=subject.digest,
        watched=watched(services, image),
        staged=staged,
        scans=_scans(services, image, subject, repository, staged, rows),
        test=_test(services, image, subject, repository, staged, rows),
        base=held,
        decided=found is not None,
        called=_called(rows),
        decision=found,
    )


def watched(services: Services, image: Image) -> tuple[Watched, ...]:
    """Return the image's watched tags with what upstream gave them so far."""
    rows = {row.key: row for row in services.ledger.rows(records.subject(image.name))}
    return tuple(records.watched(tag, rows.get(tag)) for tag in image.tags)


def decision(services: Services, base: Repository, digest: Digest) -> Decided | None:
    """Return our decision on the digest in base, if there is one."""
    return trusted(services, base, digest, services.data_plane.referrers(base, digest))


def trusted(
    services: Services, base: Repository, digest: Digest, referrers: Iterable[Descriptor]
) -> Decided | None:
    """Return the first of these referrers that is our decision by its content, not by its label."""
    for each in referrers:
        if each.artifact_type == media_types.DECISION_ARTIFACT:
            names = _read_decision(services, base, digest, each.digest)
            if names is not None:
                return Decided(each.digest, names)
    return None


def contents(services: Services, repository: Repository, digest: Digest) -> list[Manifest] | str:
    """Read the manifest and everything an import brings along with it, or say why that is impossible."""
    wanted, found = [digest], dict[Digest, Manifest]()
    while wanted:
        each = wanted.pop()
        if each in found:
            continue
        if len(found) == _MOST_CONTENTS:
            return f"{digest} brings more than {_MOST_CONTENTS} manifests along"
        try:
            manifest = services.data_plane.manifest(repository, each)
        except Permanent as error:
            return f"{each}, which it brings along, cannot be read: {error}"
        if manifest is None:
            return f"staging does not hold {each}, which it brings along"
        found[each] = manifest
        wanted.extend(child.digest for child in manifest.manifests)
    return list(found.values())


def _read_decision(
    services: Services, base: Repository, digest: Digest, referrer: Digest
) -> tuple[Digest, ...] | None:
    try:
        manifest = services.data_plane.manifest(base, referrer)
        blob = promotion.decided(manifest, digest) if manifest else None
        content = services.data_plane.blob(base, blob, _LARGEST_DECISION) if blob else b""
    except Permanent:
        return None
    return promotion.named(content, base, digest)


def _staged(services: Services, repository: Repository, digest: Digest) -> Staged | None:
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


def _called(rows: tuple[Row, ...]) -> str:
    return next((str(each.values["called"]) for each in rows if each.key == MEDIA_TYPE), "")


def _digest_of(services: Services, repository: Repository, tag: str) -> Digest | None:
    entry = services.data_plane.head(repository, tag)
    return entry.digest if entry else None


def _scans(
    services: Services,
    image: Image,
    subject: Subject,
    repository: Repository,
    staged: Staged | None,
    rows: tuple[Row, ...],
) -> tuple[Scan, ...]:
    if staged is None or image.gate.scan is ScanMode.NONE:
        return ()
    return tuple(
        runs.scan(
            services, runs.Target(subject, repository, platform, staged.platforms[platform]), rows
        )
        for platform in image.platforms
        if platform in staged.platforms
    )


def _test(
    services: Services,
    image: Image,
    subject: Subject,
    repository: Repository,
    staged: Staged | None,
    rows: tuple[Row, ...],
) -> Tested | None:
    platform = platform_to_test(image.platforms)
    if staged is None or image.test is None or platform is None or platform not in staged.platforms:
        return None
    target = runs.Target(subject, repository, platform, staged.platforms[platform])
    return runs.test(services, target, rows)
