"""Gathering the facts about a candidate from registries and ledger."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from handlers import comparing, excuses, foreign, records, runs, staging
from handlers.recording import STATE, Subject
from shared.catalog import Catalog, Counted, Image
from shared.errors import Permanent
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.policy import attested, promotion
from shared.policy.candidate import Promote, State, decide, platform_to_test
from shared.policy.facts import Facts, Staged, Tested, Watched
from shared.policy.look import Look
from shared.policy.rules_identity import (
    already_promoted,
    complete,
    demanding,
    denied,
    exact,
    in_staging,
    same_type,
    upstream,
)
from shared.policy.rules_reports import compared, fresh, is_lost, scanned
from shared.policy.statement import LARGEST
from shared.services import Services
from shared.values import Row

MEDIA_TYPE = "media type"  # the ledger's key of what upstream called a digest
ADOPTED = (
    "adopted"  # the ledger's key of who promoted a digest, and under which tags it was adopted
)
OTHERS = "others"  # not us
# Rules that answer before what others reported is asked about.
_BEFORE_FOREIGN = frozenset(
    each.__name__ for each in (same_type, demanding, complete, exact, scanned, fresh, compared)
)
_LARGEST_DECISION = 2 * LARGEST  # bytes; a forgery may be larger than any of ours
_MOST_CONTENTS = 50  # manifests in an index, nested ones and itself included


@dataclass(frozen=True, slots=True)
class Decided:
    """Our decision on a digest, what it says, and what is kept with it.

    `named` are the reports, results and rulings it names, and every other decision of ours with what that names.
    """

    digest: Digest
    named: tuple[Digest, ...]
    content: bytes = field(default=b"", repr=False, compare=False)  # the digest says which


@dataclass(frozen=True, slots=True)
class Gathered(Facts):
    """Facts, with the decision that `decided` rests on: listing it once is enough."""

    decision: Decided | None = None


def facts(
    services: Services,
    catalog: Catalog,
    image: Image,
    subject: Subject,
    *,
    follow: bool = True,
    last: bool = False,
) -> Gathered:
    """Return everything known about the candidate now.

    Without `follow` nothing is written anywhere: runs that have ended are not followed to their end.
    `last` says that a tag moves next, so nothing may be known from minutes ago.
    """
    repository = catalog.staging.repository(image.name)
    rows = services.ledger.rows(subject.id)
    if follow and comparing.is_arriving(rows):
        comparing.follow(services, catalog, image, subject.digest)
        rows = services.ledger.rows(subject.id)
    arriving = comparing.is_arriving(rows)
    staged, unreadable = None, ""
    try:
        staged = None if arriving else staging.held(services, repository, subject.digest)
    except Permanent as error:  # two readers could read it as two things, say
        unreadable = str(error)
    base = catalog.base.repository(image.name)
    held = {tag: _digest_of(services, base, tag) for tag in image.tags}
    found = decision(services, base, subject.digest) if subject.digest in held.values() else None
    known = Gathered(
        image=image,
        digest=subject.digest,
        watched=watched(services, image),
        staged=staged,
        scans=staging.scans(services, image, subject, repository, staged, rows, follow=follow),
        test=_test(services, image, subject, repository, staged, rows, follow=follow),
        base=held,
        decided=found is not None,
        called=_called(rows),
        rulings=services.rulings.of(image.name, subject.digest),
        adopted=_adopted(rows),
        unreadable=unreadable,
        arriving=arriving,
        decision=found,
    )
    return _for_a_verdict(services, catalog, subject, known, rows, follow=follow, last=last)


def _for_a_verdict(
    services: Services,
    catalog: Catalog,
    subject: Subject,
    known: Gathered,
    rows: tuple[Row, ...],
    *,
    follow: bool,
    last: bool,
) -> Gathered:
    """Add what only a verdict asks for: what is promoted already, or cannot be, costs no more reads."""
    look = Look(known, services.clock.now())
    settled = any(rule(look) for rule in (upstream, denied, in_staging, already_promoted))
    if settled or not _is_scanned(known, look):
        return known
    known = replace(
        known,
        excuses=excuses.gathered(services, catalog, known.image, subject.digest, known.staged),
    )
    if look.compares:
        promoted = comparing.promoted(
            services, catalog, known, look.eligible, subject.trace, follow=follow
        )
        known = replace(known, promoted=promoted)
    if known.image.gate.foreign is not Counted.COUNT:
        return known
    return _with_others_reports(services, catalog, subject, known, rows, follow=follow, last=last)


def _with_others_reports(
    services: Services,
    catalog: Catalog,
    subject: Subject,
    known: Gathered,
    rows: tuple[Row, ...],
    *,
    follow: bool,
    last: bool,
) -> Gathered:
    """Add what others reported: freshly listed where nothing else is in the way of promoting it.

    It can only add findings, so a listing of hours ago will do for what is held or rejected without it; and none
    is needed while our own reports are not what it can be judged by. Before the promotion begins, and `last` before
    a tag moves, it is listed anew: somebody may have attached the report on seeing that it was about to pass.
    """
    without = decide(known, services.clock.now())
    if without.rule in _BEFORE_FOREIGN:
        return known
    lasts = foreign.LASTS_HELD
    if isinstance(without.action, Promote):
        lasts = foreign.LASTS if _is_promoting(rows) and not last else timedelta()
    found = foreign.added(services, catalog, subject, known.scans, rows, lasts=lasts, follow=follow)
    scans = (replace(each, foreign=found[each.digest]) for each in known.scans)
    return replace(known, scans=tuple(scans))


def _is_promoting(rows: tuple[Row, ...]) -> bool:
    state = next((each.values["state"] for each in rows if each.key == STATE), "")
    return state == State.PROMOTING.value


def _is_scanned(known: Facts, look: Look) -> bool:
    """Tell whether the scans are done: each left a report, or will leave none, and an override may do without."""
    if len(known.scans) < len(known.image.platforms):
        return False
    lost = all(is_lost(scan) for scan in known.scans if scan.report is None)
    some = any(scan.report is not None for scan in known.scans)
    return lost and (some or look.override is not None)


def watched(services: Services, image: Image) -> tuple[Watched, ...]:
    """Return the image's watched tags with what upstream gave them so far."""
    rows = {row.key: row for row in services.ledger.rows(records.subject(image.name))}
    return tuple(records.watched(tag, rows.get(tag)) for tag in image.tags)


def decision(services: Services, base: Repository, digest: Digest) -> Decided | None:
    """Return our decision on the digest in base, if there is one."""
    return trusted(services, base, digest, services.data_plane.referrers(base, digest))


def trusted(
    services: Services,
    base: Repository,
    digest: Digest,
    referrers: Iterable[Descriptor],
    *,
    saying: bytes = b"",
) -> Decided | None:
    """Return the first of these referrers that is our decision by its content, not by its label.

    With `saying`, only one that says what this statement does: what an earlier verdict rested on is not believed
    of this one.
    """
    labelled = (each for each in referrers if each.artifact_type == media_types.DECISION_ARTIFACT)
    read = (_read_decision(services, base, digest, each.digest) for each in labelled)
    ours = [each for each in read if each is not None]
    fitting = (each for each in ours if not saying or attested.says(each.content, saying))
    found = next(fitting, None)
    if found is None:
        return None
    others = (named for each in ours if each != found for named in (each.digest, *each.named))
    return replace(found, named=tuple(dict.fromkeys((*found.named, *others))))


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
) -> Decided | None:
    try:
        manifest = services.data_plane.manifest(base, referrer)
        blob = promotion.decided(manifest, digest) if manifest else None
        content = services.data_plane.blob(base, blob, _LARGEST_DECISION) if blob else b""
    except Permanent:
        return None
    names = promotion.named(content, base, digest)
    return Decided(referrer, names, content) if names is not None else None


def _adopted(rows: tuple[Row, ...]) -> frozenset[str]:
    found = next((each.values for each in rows if each.key == ADOPTED), None)
    if found is None or found["by"] != OTHERS:
        return frozenset()
    return frozenset(str(found["tags"]).split())


def _called(rows: tuple[Row, ...]) -> str:
    return next((str(each.values["called"]) for each in rows if each.key == MEDIA_TYPE), "")


def _digest_of(services: Services, repository: Repository, tag: str) -> Digest | None:
    entry = services.data_plane.head(repository, tag)
    return entry.digest if entry else None


def _test(
    services: Services,
    image: Image,
    subject: Subject,
    repository: Repository,
    staged: Staged | None,
    rows: tuple[Row, ...],
    *,
    follow: bool,
) -> Tested | None:
    platform = platform_to_test(image.platforms)
    if staged is None or image.test is None or platform is None or platform not in staged.platforms:
        return None
    target = runs.Target(subject, repository, platform, staged.platforms[platform])
    return runs.test(services, target, rows, follow=follow)
