"""Which of the tags an upstream lists are watched, and what became of those chosen before."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from shared.catalog import Series, TagRule
from shared.oci.reference import is_tag
from shared.oci.tags import LONGEST_STABLE, split_unique
from shared.oci.versions import Alternative, Key, Range, Version
from shared.values import Listed

type _Natural = tuple[tuple[int, int, str], ...]
type _Order = tuple[Key, int, _Natural, str]

_COUNTED = {Series.ALL: 0, Series.MAJOR: 1, Series.MINOR: 2}  # numbers that name a series
_RUNS = re.compile(r"[0-9]+|[^0-9]+")
_UNVERSIONED: Key = ((), -1, ())


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tags a rule chose, newest first, from a list of `count` tags; `rule` is the rule's digest."""

    tags: tuple[str, ...]
    count: int
    rule: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one list of tags changed; with a `refusal`, nothing, and `chosen` is what was chosen before.

    `vanished` were chosen before and are not listed any more; `dropped` are, but newer ones or another
    rule took their place.
    """

    chosen: Chosen
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    refusal: str = ""


class Chooser:
    """Chooses tags by a rule.

    With `semver`, a tag is prefix, version, suffix and nothing else, so variants are never mixed: without
    a suffix, `3.12.4-slim` is not a version. How many numbers the range writes says which tags are meant,
    as upstreams publish `3`, `3.12` and `3.12.4` of the same image: `>=3.12 <3.15` chooses `3.12`, `3.13` and
    `3.14`, which move; `>=3.12.0 <3.15.0` chooses `3.12.0`, `3.12.1` and so on. Where an upstream has none
    with so many in the range, those with the next higher number of numbers are meant: `^1.2` finds `v1.4.2`
    where there are only such. Each alternative of a range (`||`) chooses so for itself.
    `per: major` wants at least two numbers, `per: minor` three: the newest within 3.12 are of 3.12.x.
    Of tags that spell one version (`v1.2.3`, `1.2.3`) the shortest is chosen.

    With a prefix or suffix alone, any version (`*`) stands between. With neither, `allow` and `deny` choose among
    all tags, and the newest are those with the highest version at the start, then in natural order (runs of
    digits count as numbers), names without a version last.
    """

    def __init__(self, rule: TagRule) -> None:
        """Read the rule. Raises ValueError when a range or expression is none (the catalog checks it)."""
        self._rule = rule
        around = rule.prefix or rule.suffix
        wanted = rule.semver or ("*" if around else "")
        self._alternatives = Range.parse(wanted).alternatives if wanted else ()
        self._depth = _COUNTED[rule.per]
        self._allow = tuple(map(_expression, rule.allow))
        self._deny = tuple(map(_expression, rule.deny))

    def keep(self, tag: str) -> bool:
        """Tell whether the rule, apart from `newest` and the choice among 3, 3.12 and 3.12.4, admits the tag.

        A tag that is not OCI's, that leaves no room for a unique tag, or looks like one, never is.
        """
        return (
            len(tag) <= LONGEST_STABLE
            and is_tag(tag)
            and self._fits(self._version(tag))
            and (not self._allow or any(matches(tag) for matches in self._allow))
            and not any(matches(tag) for matches in self._deny)
            and split_unique(tag) is None
        )

    def choose(self, kept: Iterable[str]) -> tuple[str, ...]:
        """Return the tags chosen among these, newest first; their order and doubles mean nothing."""
        tags = set(filter(self.keep, kept))
        if self._alternatives:
            versions = {tag: version for tag in tags if (version := self._version(tag))}
            tags = _shortest({tag: versions[tag] for tag in self._meant(versions)})
        return tuple(self._newest(sorted(tags, key=self.order, reverse=True)))

    def order(self, tag: str) -> _Order:
        """Return what tags are ordered by, oldest first: version, numbers written, natural order."""
        version = self._version(tag)
        key, precision = (version.key, len(version.numbers)) if version else (_UNVERSIONED, 0)
        return key, precision, _natural(tag), tag

    def leaders(self, tags: Iterable[str]) -> Mapping[tuple[int, ...], str]:
        """Return the tag with the highest version of each series; names without a version lead none."""
        versions = {tag: self._version(tag) for tag in tags}
        found = {tag: version for tag, version in versions.items() if version}
        return {self._series(found[tag]): tag for tag in sorted(found, key=self.order)}

    def _version(self, tag: str) -> Version | None:
        if not self._alternatives:
            return Version.leading(tag)
        prefix, suffix = self._rule.prefix, self._rule.suffix
        if not tag.startswith(prefix) or not tag.endswith(suffix):
            return None
        return Version.parse(tag[len(prefix) : len(tag) - len(suffix)])

    def _fits(self, version: Version | None) -> bool:
        if version is None:
            return not self._alternatives
        if version.pre and not self._rule.prereleases:
            return False
        return not self._alternatives or any(
            self._admits(each, version) for each in self._alternatives
        )

    def _admits(self, alternative: Alternative, version: Version) -> bool:
        return len(version.numbers) > self._depth and alternative.admits(version)

    def _meant(self, found: Mapping[str, Version]) -> Iterator[str]:
        """Yield the tags with as many numbers as the range means."""
        for alternative in self._alternatives:
            admitted = {
                tag: len(version.numbers)
                for tag, version in found.items()
                if self._admits(alternative, version)
            }
            releases = [count for tag, count in admitted.items() if not found[tag].pre]
            meant = min(releases or admitted.values(), default=0)
            yield from (tag for tag, count in admitted.items() if count == meant)

    def _newest(self, newest_first: Iterable[str]) -> Iterator[str]:
        seen: Counter[tuple[int, ...]] = Counter()
        for tag in newest_first:
            version = self._version(tag)
            series = self._series(version) if version else ()
            seen[series] += 1
            if not self._rule.newest or seen[series] <= self._rule.newest:
                yield tag

    def _series(self, version: Version) -> tuple[int, ...]:
        # Under a range `3.12` moves and `3.12.4` does not: they are never of one series.
        precision = (len(version.numbers),) if self._alternatives else ()
        return (*precision, *version.numbers[: self._depth])


def digest_of(rule: TagRule) -> str:
    """Return a short digest by which a changed rule is noticed: 16 hex digits."""
    return hashlib.sha256(json.dumps(asdict(rule), sort_keys=True).encode()).hexdigest()[:16]


def discover(rule: TagRule, before: Chosen | None, listed: Listed) -> Discovery:
    """Choose among the tags an upstream lists now, and tell what changed.

    `listed.kept` are those that `Chooser.keep` of this rule kept. Registries do return partial lists
    (fluxcd/image-reflector-controller#817), so a list less than half as long as the one before, or one in which
    the highest version went backwards, is refused: everything stays as it was. A changed rule starts afresh.
    """
    chooser, digest = Chooser(rule), digest_of(rule)
    chosen = Chosen(chooser.choose(listed.kept), listed.count, digest)
    if before is None:
        return Discovery(chosen, appeared=chosen.tags)
    same = before.rule == digest
    if same and (refusal := _refusal(chooser, before, chosen, listed)):
        return Discovery(before, refusal=refusal)
    # Under another rule nobody asked whether the tags of before are still listed: they are just not chosen.
    gone = set(before.tags) - set(listed.kept) if same else set[str]()
    now, known = set(chosen.tags), set(before.tags)
    left = [tag for tag in before.tags if tag not in now]
    return Discovery(
        chosen,
        appeared=tuple(tag for tag in chosen.tags if tag not in known),
        vanished=tuple(tag for tag in left if tag in gone),
        dropped=tuple(tag for tag in left if tag not in gone),
    )


def _refusal(chooser: Chooser, before: Chosen, now: Chosen, listed: Listed) -> str:
    stays = "what was chosen before stays watched; to start afresh, change the rule"
    if now.count * 2 < before.count:
        return (
            f"the upstream listed {now.count} tags where there were {before.count}, which looks like a "
            f"partial list: {stays}"
        )
    still = set(listed.kept)
    for was, successor in _successions(chooser, before, now):
        older = successor is None or chooser.order(successor)[0] < chooser.order(was)[0]
        if older and was not in still:
            return (
                f"the highest version went backwards, from {was} to {successor or 'none'}, as {was} is no "
                f"longer listed: {stays}"
            )
    return ""


def _successions(chooser: Chooser, before: Chosen, now: Chosen) -> Iterator[tuple[str, str | None]]:
    """Yield the highest version of before and of now: of all, and of each series that goes on."""
    was, leads = chooser.leaders(before.tags), chooser.leaders(now.tags)
    if was:
        highest = max(leads.values(), key=chooser.order, default=None)
        yield max(was.values(), key=chooser.order), highest
    yield from ((tag, leads[series]) for series, tag in was.items() if series in leads)


def _shortest(found: Mapping[str, Version]) -> set[str]:
    """Return one tag for each version: the shortest of `v1.2.3`, `1.2.3`."""
    spelled: dict[tuple[Key, int], str] = {}
    for tag in sorted(found, key=lambda each: (len(each), each)):
        version = found[tag]
        spelled.setdefault((version.key, len(version.numbers)), tag)
    return set(spelled.values())


def _natural(text: str) -> _Natural:
    return tuple((0, int(run), "") if run.isdigit() else (1, 0, run) for run in _RUNS.findall(text))


def _expression(pattern: str) -> Callable[[str], object]:
    """Compile an RE2 expression over a whole tag: linear time, whatever a stranger named a tag."""
    import re2  # noqa: PLC0415  # only a rule with expressions pays for it at a cold start

    options = re2.Options()
    options.log_errors = False  # else the library writes to stderr
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        message = f"expected an RE2 expression, found {pattern[:100]!r}"
        raise ValueError(message) from error
    fullmatch: Callable[[str], object] = compiled.fullmatch
    return fullmatch
