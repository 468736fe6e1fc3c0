"""The catalog's nouns: what is watched, and what each image must pass."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class Gate:
    """What a candidate must pass; `age` and `dwell` are spans of time."""

    scan: ScanMode = ScanMode.TRIVY
    block: Severity = Severity.HIGH
    fixable_only: bool = False
    compare: Compare = Compare.ANY
    age: timedelta = timedelta(hours=24)
    dwell: timedelta = timedelta(hours=12)
    approval: Approval = Approval.NONE
    mode: Mode = Mode.ENFORCE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """A script, relative to the catalog's folder, that an image must pass."""

    script: str

    __test__ = False  # pytest: a noun, not a test


@dataclass(frozen=True, slots=True)
class Image:
    """One image: where it comes from, which tags are watched, what it must pass."""

    name: str
    source: Repository
    tags: tuple[str, ...]
    platforms: tuple[Platform, ...]
    gate: Gate
    test: Test | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """Forgives one finding in the images whose name the glob matches, up to the day it expires."""

    id: str
    image: str
    reason: str
    owner: str
    expires: date
    package: str = ""


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

    `apps` are login servers. `notes` are sentences about settings that are accepted and not yet
    applied; each makes the gate stricter than written, never laxer.
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
