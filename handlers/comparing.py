"""What a candidate is compared with: brought from base into staging, and its scans gathered."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from handlers import importing, staging
from handlers.importing import Copy, Outcome
from handlers.recording import Subject
from shared.catalog import Catalog, Image
from shared.errors import Misconfigured, Permanent
from shared.messages import candidate_id
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.policy.facts import Facts, Promoted
from shared.services import Services
from shared.values import Row

_STAGE = "stage"  # the ledger's key of the import from base into staging
_LOST = timedelta(hours=24)  # after that long bringing it into staging is tried anew


class _Collision(Permanent):
    """Another digest has the unique tag."""


def promoted(
    services: Services,
    catalog: Catalog,
    facts: Facts,
    tags: Iterable[str],
    trace: str,
    *,
    follow: bool,
) -> tuple[Promoted, ...]:
    """Return each other digest that base holds under these tags, with its own scans."""
    found: dict[Digest, list[str]] = {}
    for tag in tags:
        digest = facts.base.get(tag)
        if digest is not None and digest != facts.digest:
            found.setdefault(digest, []).append(tag)
    image = facts.image
    return tuple(
        _one(services, catalog, image, Subject(image.name, digest, trace), names, follow=follow)
        for digest, names in sorted(found.items())
    )


def stage(
    services: Services,
    catalog: Catalog,
    image: Image,
    digest: Digest,
    tags: tuple[str, ...],
    *,
    backlog: bool = False,
) -> importing.Progress:
    """Bring the copy from base into staging one step on; later looks poll it. Fixes go before a `backlog`.

    Its unique tags keep it there. It gets no stable tag: those say what upstream gave. What cannot be had is
    FAILED at the third attempt, and `lost` among the facts for a day.
    """
    target = catalog.staging.repository(image.name)
    names = tuple(unique_tag(tag, digest) for tag in tags)
    copy = Copy(
        candidate_id(image.name, digest),
        _STAGE,
        catalog.base.repository(image.name),
        digest,
        target,
        names,
        backlog=backlog,
    )

    def there() -> bool:
        for name in names:
            taken = services.data_plane.tag(target, name)
            if taken is not None and taken.digest != digest:
                reason = f"unique tag collision: staging's {name} is {taken.digest}"
                raise _Collision(reason)
        return services.data_plane.head(target, digest) is not None

    return _driven(services, copy, there)


def follow(services: Services, catalog: Catalog, image: Image, digest: Digest) -> None:
    """Follow an import from base into staging that was started: whoever sees its end gives its slot back.

    One that was lost while it was being started is forgotten, and asked for anew by whoever needs it.
    """
    source, target = catalog.base.repository(image.name), catalog.staging.repository(image.name)
    copy = Copy(candidate_id(image.name, digest), _STAGE, source, digest, target)
    _driven(services, copy, lambda: True)


def is_asked(rows: tuple[Row, ...]) -> bool:
    """Tell whether somebody has asked for its import from base into staging, and it was not concluded."""
    return importing.pending(rows, _STAGE) is not None


def _driven(services: Services, copy: Copy, there: Callable[[], bool]) -> importing.Progress:
    try:
        return importing.drive(services, copy, there=there)
    except _Collision as collision:
        importing.give_up(services, copy, str(collision))
        return importing.Progress(Outcome.FAILED, str(collision))
    except (Permanent, Misconfigured) as error:
        # Its row says so; a comparison that cannot be had must not stop the candidate as poison.
        return importing.Progress(Outcome.RUNNING, str(error))


def _one(
    services: Services,
    catalog: Catalog,
    image: Image,
    subject: Subject,
    tags: list[str],
    *,
    follow: bool,
) -> Promoted:
    repository = catalog.staging.repository(image.name)
    rows = services.ledger.rows(subject.id)
    arriving = is_arriving(rows)
    try:
        staged = None if arriving else staging.held(services, repository, subject.digest)
    except Permanent as error:
        # What others put into base may be unreadable; that must not stop the candidate as poison.
        return Promoted(subject.digest, tuple(tags), lost=f"it cannot be read: {error}")
    return Promoted(
        subject.digest,
        tuple(tags),
        staged,
        staging.scans(services, image, subject, repository, staged, rows, follow=follow),
        "" if staged else _lost(rows, services.clock.now()),
    )


def is_arriving(rows: tuple[Row, ...]) -> bool:
    """Tell whether its import has not been seen to end: an index may be there before its platforms are."""
    row = importing.pending(rows, _STAGE)
    return row is not None and row.values["state"] in ("starting", "running")


def _lost(rows: tuple[Row, ...], now: datetime) -> str:
    """Say why staging will not hold it for now; "" while it may still come."""
    row = importing.pending(rows, _STAGE)
    if row is None or row.values["state"] != "failed":
        return ""
    if int(row.values["attempt"]) < importing.MAX_ATTEMPTS:
        return ""
    if now >= datetime.fromisoformat(str(row.values["at"])) + _LOST:
        return ""
    return f"it could not be brought into staging: {row.values['error']}"
