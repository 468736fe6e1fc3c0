"""Reports: read from staging once, and only if they are about the very manifest asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.reports import formats
from shared.reports.findings import InvalidReport, Report
from shared.services import Services

_KEPT = 32  # parsed reports; their names are digests, so none is ever stale


@dataclass(frozen=True, slots=True)
class _Asked:
    """A report and its subject; how to fetch it is no part of what it is."""

    repository: Repository
    digest: Digest
    subject: Digest
    kind: str  # its artifact type, which names the format
    fetch: Callable[[], bytes] = field(compare=False)


def read_report(
    services: Services, repository: Repository, digest: Digest, subject: Digest
) -> Report | str:
    """Read the report with this digest, or say why it is none about this subject."""
    return _read(services, repository, digest, subject, _parse)


def known_report(
    services: Services, repository: Repository, digest: Digest, subject: Digest
) -> Report | str:
    """Likewise, for a report that was read before: if staging still holds it, it is not fetched."""
    return _read(services, repository, digest, subject, _parsed)


def _read(
    services: Services,
    repository: Repository,
    digest: Digest,
    subject: Digest,
    parse: Callable[[_Asked], Report],
) -> Report | str:
    try:
        manifest = services.data_plane.manifest(repository, digest)
    except Permanent as error:
        return f"the report {digest} cannot be read: {error}"
    if manifest is None:
        return f"staging does not hold the report {digest}"
    if manifest.artifact_type not in formats.OWN or len(manifest.layers) != 1:
        return f"{digest} is no report: its artifact type is {manifest.artifact_type[:100]!r}"
    if manifest.subject is None or manifest.subject.digest != subject:
        return f"the report {digest} is about another digest"
    layer = manifest.layers[0].digest

    def fetch() -> bytes:
        return services.data_plane.blob(repository, layer, formats.LARGEST)

    try:
        return parse(_Asked(repository, digest, subject, manifest.artifact_type, fetch))
    except (InvalidReport, Permanent) as error:
        return f"the report {digest} cannot be read: {error}"


def _parse(asked: _Asked) -> Report:
    return formats.parse(asked.fetch(), kind=asked.kind, subject=asked.subject)


@lru_cache(maxsize=_KEPT)
def _parsed(asked: _Asked) -> Report:
    return _parse(asked)
