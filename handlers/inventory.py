"""What base holds of a candidate, read sparingly: a registry lists referrers 250 times a minute."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from handlers import gathering, keeping
from handlers.importing import pending
from handlers.recording import Subject
from shared.errors import Transient
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.operators import Ruling
from shared.policy import promotion
from shared.policy.attested import says
from shared.policy.facts import Facts
from shared.policy.promotion import Base, Held
from shared.services import Services
from shared.values import Locks, Row

IMAGE = "base"  # the ledger's key of the image's import into base
_MOST_REFERRERS = 50  # of upstream's; our own reports and results always come along

type _Entry = tuple[Digest, Locks]


@dataclass(slots=True)
class Inventory:
    """What one `advance` reads, once; it is told of every step, and forgets what a step changed.

    The candidate is claimed, so nobody else promotes it meanwhile, and the next `advance` reads anew. `verdict` is
    the statement that the decision has to make; b"" where nothing is left to decide, and any of ours will do.
    """

    services: Services
    subject: Subject
    facts: Facts
    tags: tuple[str, ...]
    staging: Repository
    base: Repository
    approval: Ruling | None = None
    verdict: bytes = field(default=b"", repr=False)
    _decision: gathering.Decided | None = None
    _manifest: Manifest | None = None
    _offered: dict[Digest, tuple[Digest, ...]] | None = None
    _listed: dict[Digest, tuple[Descriptor, ...]] = field(default_factory=dict)
    _arrived: set[Digest] = field(default_factory=set)
    _entries: dict[str | Digest, _Entry] = field(default_factory=dict)
    _held: dict[str, Held] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take over the decision that gathering found, if it is this verdict's."""
        found = self.facts.decision if isinstance(self.facts, gathering.Gathered) else None
        if found is not None and (not self.verdict or says(found.content, self.verdict)):
            self._decision = found

    def take(self) -> Base:
        """Return what base holds; the locks and the stable tags only once they are next in turn."""
        digest = self.subject.digest
        rows = self.services.ledger.rows(self.subject.id)
        unique = {tag: self._tag(unique_tag(tag, digest)) for tag in self.tags}
        if pending(rows, IMAGE) is not None or self._kept(digest) is None:
            return Base(holds=False, unique=unique)
        decided = self._decided()
        # A copy that failed is not under way: what lacks it asks for it again.
        underway = {row.key for row in rows if row.values.get("state") != "failed"}
        missing = self._missing(decided, underway)
        if decided is None or missing:
            known = decided.digest if decided else None
            return Base(holds=True, unique=unique, missing_referrers=missing, decision=known)
        stable = {tag: self._tag(tag) for tag in self.tags}
        kept = {each: self._kept(each) for each in (*self._parts(), decided.digest, *decided.named)}
        return Base(
            holds=True,
            stable=stable,
            unique=unique,
            decision=decided.digest,
            kept={each: entry[1] for each, entry in kept.items() if entry is not None},
            rebuilds_asked=_rebuilds_asked(rows),
            held=dict(self._held_by_others(stable)),
        )

    def manifest(self) -> Manifest:
        """Return the candidate's exact bytes by digest, from base if it is there already."""
        if self._manifest is None:
            plane, digest = self.services.data_plane, self.subject.digest
            self._manifest = plane.manifest(self.base, digest) or plane.manifest(
                self.staging, digest
            )
        if self._manifest is None:
            message = f"neither base nor staging shows {self.subject.digest} at the moment"
            raise Transient(message)
        return self._manifest

    def attached(self, decision: Digest) -> None:
        """Take note of the decision that was just attached."""
        self._decision = gathering.Decided(decision, proven(self.facts, self.approval))

    def arrived(self, referrer: Digest) -> None:
        """Take note of a referrer whose import into base has ended well."""
        self._arrived.add(referrer)

    def locked(self, wanted: Mapping[str | Digest, Locks]) -> None:
        """Take note of locks that were just set."""
        self._held.clear()
        for reference, locks in wanted.items():
            if reference in self._entries:
                self._entries[reference] = (self._entries[reference][0], locks)

    def moved(self, tag: str) -> None:
        """Forget a tag that was just written."""
        self._held.clear()
        self._entries.pop(tag, None)

    def _missing(
        self, decided: gathering.Decided | None, pending_keys: set[str]
    ) -> tuple[Digest, ...]:
        """Return what has to be copied: our own proven ones first, then upstream's.

        What upstream attached is asked for until the decision is there, or while a copy goes on.
        """
        copying = {key for key in pending_keys if key.startswith(f"{IMAGE}:")}
        ours = proven(self.facts, self.approval) if decided is None else decided.named
        own = [each for each in ours if referrer_key(each) in copying or self._lacks(each, decided)]
        if decided is not None and not copying:
            return tuple(own)
        upstreams = [
            each for each in self._upstreams() if referrer_key(each) in copying or self._fresh(each)
        ]
        return (*own, *upstreams)

    def _lacks(self, own: Digest, decided: gathering.Decided | None) -> bool:
        """Tell whether base lacks one of ours; what staging has lost too cannot be put right.

        A report was read there for this verdict; of a test its run is the proof, and its result is for people.
        """
        if self._kept(own) is not None:
            return False
        certain = decided is None and own in {each.report_digest for each in self.facts.scans}
        return certain or self.services.data_plane.head(self.staging, own) is not None

    def _held_by_others(self, stable: Mapping[str, _Entry | None]) -> Iterator[tuple[str, Held]]:
        """Return what the stable tags hold that is not the candidate, and what keeps it."""
        for tag, entry in stable.items():
            if entry is not None and entry[0] != self.subject.digest:
                if tag not in self._held:
                    self._held[tag] = keeping.held(self.services, self.base, tag, entry[0])
                yield tag, self._held[tag]

    def _fresh(self, upstreams: Digest) -> bool:
        """Tell whether base lacks what upstream attached to one of the candidate's parts."""
        parts = [part for part, digests in self._offer().items() if upstreams in digests]
        there = {each.digest for part in parts for each in self._referrers(part)}
        return upstreams not in there | self._arrived

    def _upstreams(self) -> Iterable[Digest]:
        offered = dict.fromkeys(each for digests in self._offer().values() for each in digests)
        return islice(offered, _MOST_REFERRERS)

    def _offer(self) -> dict[Digest, tuple[Digest, ...]]:
        """Return what staging has of upstream's referrers, by the part they refer to."""
        if self._offered is None:
            plane = self.services.data_plane
            self._offered = {
                part: tuple(
                    each.digest
                    for each in plane.referrers(self.staging, part)
                    if self._is_harmless(each)
                )
                for part in self._parts()
            }
        return self._offered

    def _is_harmless(self, referrer: Descriptor) -> bool:
        """Tell whether it may be copied: not of our kinds, nor an index that brings such along."""
        if referrer.artifact_type.lower().startswith(media_types.OWN_PREFIX):
            return False
        if referrer.media_type not in media_types.INDEXES:
            return True
        contents = gathering.contents(self.services, self.staging, referrer.digest)
        about = frozenset(self._parts())
        return not isinstance(contents, str) and promotion.refusal(contents, about) is None

    def _decided(self) -> gathering.Decided | None:
        if self._decision is None:
            digest = self.subject.digest
            listed = self._referrers(digest)
            self._decision = gathering.trusted(
                self.services, self.base, digest, listed, saying=self.verdict
            )
        return self._decision

    def _parts(self) -> tuple[Digest, ...]:
        return (self.subject.digest, *(each.digest for each in self.manifest().manifests))

    def _referrers(self, part: Digest) -> tuple[Descriptor, ...]:
        if part not in self._listed:
            self._listed[part] = self.services.data_plane.referrers(self.base, part)
        return self._listed[part]

    def _tag(self, tag: str) -> _Entry | None:
        if tag not in self._entries:
            entry = self.services.data_plane.tag(self.base, tag)
            if entry is None:
                return None
            self._entries[tag] = (entry.digest, entry.locks)
        return self._entries[tag]

    def _kept(self, digest: Digest) -> _Entry | None:
        if digest not in self._entries:
            entry = self.services.data_plane.manifest_entry(self.base, digest)
            if entry is None:
                return None
            self._entries[digest] = (digest, entry.locks)
        return self._entries[digest]


def proven(facts: Facts, approval: Ruling | None = None) -> tuple[Digest, ...]:
    """Return our own reports, results and rulings that the verdict rests on."""
    reports = [scan.report_digest for scan in facts.scans]
    result = facts.test.result_digest if facts.test is not None else None
    ruling = approval.referrer if approval is not None else None
    return tuple(dict.fromkeys(each for each in (*reports, result, ruling) if each is not None))


def referrer_key(referrer: Digest) -> str:
    """Return the ledger's key of a referrer's import into base."""
    return f"{IMAGE}:{referrer.short}"


def _rebuilds_asked(rows: Iterable[Row]) -> frozenset[str]:
    keys = [row.key for row in rows]
    return frozenset(key.removeprefix("rebuilds:") for key in keys if key.startswith("rebuilds:"))
