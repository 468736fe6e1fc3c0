"""What every rule is given: the facts, where each tag stands, what operators said, and the moment."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from shared.catalog import Approval, Compare, Gate, Image, Mode, ScanMode
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.operators import Ruling, RulingKind
from shared.policy import comparing, judging
from shared.policy.facts import Facts, Promoted, Scan
from shared.policy.judging import Judgement
from shared.policy.standing import TagStanding, standing
from shared.policy.waiving import Excuse

MAX_ATTEMPTS = 3


@dataclass(
    frozen=True
)  # no slots: what is derived is kept, as a judgement is asked for more than once
class Look:
    """One candidate at one moment; the same facts in another order give the same answers."""

    facts: Facts
    now: datetime

    @property
    def image(self) -> Image:
        """The image, as the catalog has it."""
        return self.facts.image

    @property
    def gate(self) -> Gate:
        """What the candidate must pass."""
        return self.facts.image.gate

    @property
    def observes(self) -> bool:
        """Whether the gate only says what it would have stopped."""
        return self.gate.mode is Mode.OBSERVE

    @property
    def asks_scans(self) -> bool:
        """Whether the gate asks for scans at all."""
        return self.gate.scan is not ScanMode.NONE

    @cached_property
    def tags(self) -> tuple[TagStanding, ...]:
        """Where the digest stands with upstream, for each watched tag."""
        facts, released = self.facts, self._said(RulingKind.RELEASE)
        return tuple(
            standing(
                each,
                facts.digest,
                facts.base.get(each.tag),
                self.gate.dwell,
                self.now,
                released=released[-1] if released else None,
                adopted=each.tag in facts.adopted,
            )
            for each in facts.watched
        )

    @cached_property
    def eligible(self) -> tuple[str, ...]:
        """The tags that the digest may carry, as far as upstream is concerned."""
        return tuple(each.tag for each in self.tags if each.eligible)

    @cached_property
    def carried(self) -> tuple[str, ...]:
        """Those of them that base holds it under already."""
        return tuple(tag for tag in self.eligible if self.facts.base.get(tag) == self.facts.digest)

    @property
    def adopted(self) -> bool:
        """Whether base holds it under every tag it may carry, and not by a decision of ours."""
        return bool(self.carried) and self.carried == self.eligible and not self.facts.decided

    @property
    def denial(self) -> Ruling | None:
        """The first denial of this digest: it is final, whatever was said before or after."""
        return next(iter(self._said(RulingKind.DENY)), None)

    @property
    def approval(self) -> Ruling | None:
        """The approval that counts: the newest that overrides, else the newest."""
        approvals = self._said(RulingKind.APPROVE)
        return self.override or (approvals[-1] if approvals else None)

    @cached_property
    def override(self) -> Ruling | None:
        """The newest approval that stands in for what is missing; it must say why."""
        found = [each for each in self._said(RulingKind.APPROVE) if each.override]
        return next((each for each in reversed(found) if each.comment.strip()), None)

    @property
    def asks_approval(self) -> bool:
        """Whether the gate asks for an operator's approval."""
        return self.gate.approval is not Approval.NONE

    @cached_property
    def scans(self) -> tuple[Scan, ...]:
        """The scans of the required platforms, in the catalog's order of them."""
        order = {platform: number for number, platform in enumerate(self.image.platforms)}
        found = [scan for scan in self.facts.scans if scan.platform in order]
        return tuple(sorted(found, key=lambda scan: (order[scan.platform], *_which(scan))))

    @cached_property
    def reported(self) -> tuple[Scan, ...]:
        """Those of them that have a report."""
        return tuple(scan for scan in self.scans if scan.report is not None)

    @cached_property
    def unreported(self) -> tuple[Platform, ...]:
        """The required platforms of which there is no report."""
        seen = {scan.platform for scan in self.reported}
        return tuple(each for each in self.image.platforms if each not in seen)

    @property
    def foregone(self) -> tuple[Scan, ...]:
        """The scans without a report that an operator does without: what others found there counts all the same."""
        return tuple(scan for scan in self.scans if scan.report is None) if self.override else ()

    @property
    def compares(self) -> bool:
        """Whether it is compared with what is promoted: always, or only while it is too young."""
        if not self.asks_scans or not comparing.needed(self.gate):
            return False
        return self.gate.compare is Compare.NOT_WORSE or self.ripe is not None

    @cached_property
    def promoted(self) -> tuple[Promoted, ...]:
        """What it is compared with; scans of a digest that staging does not hold are of nobody knows what."""
        return tuple(
            each if each.staged is not None and not each.lost else replace(each, scans=())
            for each in sorted(self.facts.promoted, key=lambda each: each.digest)
        )

    @cached_property
    def judgement(self) -> Judgement:
        """What the gate says of the reports there are."""
        return self.judged(self.gate, self.facts.excuses)

    def judged(self, gate: Gate, excuses: Iterable[Excuse]) -> Judgement:
        """Return what another gate, or other excuses, would say of the same reports."""
        return judging.judge(
            scans=self.reported,
            promoted=self.promoted if self.compares else (),
            gate=gate if self.compares else replace(gate, skip_age_for_fixes=False),
            excuses=excuses,
            now=self.now,
            unheld=tuple(tag for tag in self.eligible if self.facts.base.get(tag) is None),
            foregone=self.foregone,
        )

    @property
    def ripe(self) -> datetime | None:
        """When it will have aged, while that is still to come; age counts from ACR's first-seen clock."""
        if self.facts.staged is None or not self.gate.age:
            return None
        ripe = self.facts.staged.first_seen + self.gate.age
        return ripe if self.now < ripe else None

    @property
    def hastened(self) -> bool:
        """Whether it need not age: it removes what would block, adds nothing, and all of it was scanned."""
        if self.ripe is None or not self.gate.skip_age_for_fixes or not self.asks_scans:
            return False
        return not self.unreported and bool(self.judgement.fixes)

    @cached_property
    def unexamined(self) -> tuple[Platform, ...]:
        """Platforms that come along with the image although nobody asked for them."""
        staged = self.facts.staged.platforms if self.facts.staged else {}
        return tuple(sorted(set(staged) - set(self.image.platforms)))

    def _said(self, kind: RulingKind) -> tuple[Ruling, ...]:
        """Return what operators said of this very digest, oldest first, in one order."""
        about = (self.image.name, self.facts.digest, kind)
        found = {
            each for each in self.facts.rulings if (each.image, each.digest, each.kind) == about
        }
        return tuple(sorted(found, key=_when))


def _when(ruling: Ruling) -> tuple[object, ...]:
    return ruling.at, ruling.by, ruling.comment, ruling.override, _text(ruling.referrer)


def _which(scan: Scan) -> tuple[object, ...]:
    """Return what tells two scans of one platform apart: there should be one, but nothing may hang on it."""
    return (
        scan.digest.hex,
        scan.attempt,
        scan.progress.value,
        scan.run_id,
        _text(scan.report_digest),
    )


def _text(digest: Digest | None) -> str:
    return "" if digest is None else str(digest)
