"""The catalog's nouns: what is watched, and what each image must pass."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Namespace, Repository
from shared.severity import Severity


class ScanMode(StrEnum):
    """Which scanner looks at an image."""

    TRIVY = "trivy"
    NONE = "none"


class Compare(StrEnum):
    """Which findings count: any, or only those the promoted digest does not have."""

    ANY = "any"
    NOT_WORSE = "not-worse"


class Approval(StrEnum):
    """Whether a person must agree."""

    NONE = "none"
    MANUAL = "manual"


class Mode(StrEnum):
    """Whether the gate stops what fails, or only says what it would have stopped."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class Counted(StrEnum):
    """Whether findings of a kind count: those a scanner suppressed, those of foreign reports."""

    COUNT = "count"
    IGNORE = "ignore"


class EndOfLife(StrEnum):
    """Whether an operating system that gets no more fixes blocks."""

    ALLOW = "allow"
    BLOCK = "block"


class Requirement(StrEnum):
    """What must be there besides reports, as runs of ours have made or checked it."""

    SBOM = "sbom"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a candidate must pass.

    `age` and `dwell` are spans of time, and so are `max_age` of a report and `max_database_age` of what its
    scanner knew, where none means any age. A fix of what is promoted need not age with `skip_age_for_fixes`.
    """

    scan: ScanMode = ScanMode.TRIVY
    block: Severity = Severity.HIGH
    fixable_only: bool = False
    compare: Compare = Compare.ANY
    age: timedelta = timedelta(hours=24)
    dwell: timedelta = timedelta(hours=12)
    approval: Approval = Approval.NONE
    mode: Mode = Mode.ENFORCE
    reason: str = ""
    max_age: timedelta = timedelta(days=7)
    max_database_age: timedelta = timedelta(days=7)
    suppressed: Counted = Counted.COUNT
    foreign: Counted = Counted.COUNT
    eol: EndOfLife = EndOfLife.ALLOW
    require: tuple[Requirement, ...] = ()
    skip_age_for_fixes: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """A script, relative to the catalog's folder, that an image must pass."""

    script: str

    __test__ = False  # pytest: a noun, not a test


class Series(StrEnum):
    """Within what `newest` counts: all versions, one major, or one major and minor."""

    ALL = "all"
    MAJOR = "major"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class TagRule:
    """Chooses tags among those upstream lists; what is empty demands nothing.

    `semver` is a range like `>=3.12 <3.15` over the version between `prefix` and `suffix`; `allow`
    and `deny` are RE2 expressions over the whole tag; `newest` keeps that many of each series.
    """

    semver: str = ""
    prefix: str = ""
    suffix: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    newest: int = 0
    per: Series = Series.ALL
    prereleases: bool = False

    def __str__(self) -> str:
        """Say which tags are chosen, like `versions >=3.12 <3.15, ending in -slim, the newest 3`."""
        said = [f"versions {self.semver}" if self.semver else "tags"]
        said += [f"{how} {text}" for how, text in self._demands() if text]
        if self.newest:
            within = "" if self.per is Series.ALL else f" of each {self.per.value}"
            said.append(f"the newest {self.newest}{within}")
        return ", ".join([*said, "prereleases too"] if self.prereleases else said)

    def _demands(self) -> tuple[tuple[str, str], ...]:
        return (
            ("beginning with", self.prefix),
            ("ending in", self.suffix),
            ("matching", " or ".join(self.allow)),
            ("not matching", " or ".join(self.deny)),
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """How an image's upstream tags are read.

    A move is believed when it has stood for `settle` or longer; `equivalent` tells whether an index whose
    required platforms are what they were counts as the one before it.
    """

    settle: timedelta = timedelta(minutes=5)
    equivalent: bool = True


@dataclass(frozen=True, slots=True)
class Upstream:
    """A registry we read, and its manners.

    `credentials` names app settings (UPSTREAM_<NAME>_USERNAME, UPSTREAM_<NAME>_PASSWORD); `entra` says that the
    app's own identity signs in (another ACR); `resource_id` is its ARM id, for imports by it. At most
    `concurrency` requests at a time (0: the setting's), `rate` a second (0: no limit), and none when
    fewer than `reserve` pulls are left. `realms` are hosts besides its own that give its tokens, `webhook` names
    the app setting (WEBHOOK_<NAME>_SECRET) that proves its pushes.
    """

    registry: str
    credentials: str = ""
    entra: bool = False
    resource_id: str = ""
    concurrency: int = 0
    rate: float = 0.0
    reserve: int = 10
    realms: tuple[str, ...] = ()
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """One image: where it comes from, which tags are watched, what it must pass.

    `tags` are those the catalog names; a `rule` chooses more among those upstream lists.
    """

    name: str
    source: Repository
    tags: tuple[str, ...]
    platforms: tuple[Platform, ...]
    gate: Gate
    test: Test | None = None
    rule: TagRule | None = None
    watch: Watch = Watch()


@dataclass(frozen=True, slots=True)
class Waiver:
    """Forgives one finding in the images whose name the glob matches, up to the day it expires."""

    id: str
    image: str
    reason: str
    owner: str
    expires: date
    package: str = ""

    def covers(self, name: str) -> bool:
        """Tell whether the glob stands for an image's name in the catalog.

        `*` stands for any text, slashes too (`*` alone: every image), `?` for any one character. The catalog
        refuses the brackets that fnmatch knows as well.
        """
        return fnmatchcase(name, self.image)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A GitHub workflow that rebuilds an app when a base repository's tag moves."""

    when: str
    github: str
    workflow: str
    ref: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that Breakwater is asked to do, with the place and the digest of the text that says so.

    `apps` are login servers, `vex` files beside the catalog. `notes` are sentences about what is accepted and
    may not be meant: a waiver for no image, what is not applied yet; none makes a gate laxer than written.
    """

    place: str
    digest_of_text: Digest
    staging: Namespace
    base: Namespace
    images: tuple[Image, ...]
    apps: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    rebuild: tuple[Rebuild, ...] = ()
    notes: tuple[str, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    vex: tuple[str, ...] = ()

    def upstream(self, registry: str) -> Upstream:
        """Return how to treat this registry: as the catalog says, else as any."""
        known = (each for each in self.upstreams if each.registry == registry)
        return next(known, Upstream(registry))

    def image(self, name: str) -> Image | None:
        """Return the image of this name, if the catalog lists it."""
        return next((each for each in self.images if each.name == name), None)

    def image_in_staging(self, path: str) -> Image | None:
        """Return the image that this repository path of the staging registry holds, if any."""
        name = self.staging.name_of(path)
        return None if name is None else self.image(name)

    def image_in_base(self, path: str) -> Image | None:
        """Return the image that this repository path of the base registry holds, if any."""
        name = self.base.name_of(path)
        return None if name is None else self.image(name)
