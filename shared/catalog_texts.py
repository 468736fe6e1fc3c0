"""The texts a catalog's keys may hold, and what each is called when it is something else."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.catalog_faults import quoted
from shared.oci.platform import Platform
from shared.oci.reference import Namespace, Repository, is_host, is_path, is_tag
from shared.oci.tags import LONGEST_STABLE, split_unique
from shared.oci.versions import Range

_DURATION = re.compile(r"([0-9]{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_GITHUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_WORKFLOW = re.compile(r"[A-Za-z0-9._-]{1,100}\.ya?ml")
_REF = re.compile(r"(?!.*(?:\.\.|//|@\{))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_GLOB = re.compile(r"[a-z0-9._/*?-]{1,255}")
_LONGEST_RULE = 200  # characters of a range or an expression; a tag has 128 at most
_LONGEST_SETTLE = timedelta(hours=24)  # beyond that it is `gate.age` that is meant
_SHORTEST_MAX_AGE = timedelta(hours=1)  # below it a report is too old before anybody has read it
_LAST_YEAR = 2099  # a waiver "for ever" is what waivers are there to avoid
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.IGNORECASE)  # CVE's own syntax of ids

# Patterns that the JSON Schema has too, so they keep to what Python and ECMAScript share.
_PREFIX = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,99}"  # how a tag may begin (distribution-spec, <reference>)
# A digit or dot at its start would be the end of the version before it, `3.12` and `.1` or `3.1` and `2.1`.
_SUFFIX = "[a-zA-Z_-][a-zA-Z0-9._-]{0,99}"
_SETTING = "[a-z0-9_]{1,50}"
_RESOURCE = (  # ARM's naming rules for Microsoft.ContainerRegistry/registries and resource groups
    "/subscriptions/[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"/[rR]esource[gG]roups/[^/?#%\\\s]{1,90}"
    r"/providers/Microsoft\.ContainerRegistry/registries/[a-zA-Z0-9]{5,50}"
)


def duration(text: str) -> timedelta:
    """Return the span of time that `90m`, `24h` or `7d` means. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if not match:
        message = f"expected a duration like 24h, found {text[:40]!r}"
        raise ValueError(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def refusal(expected: str) -> PydanticCustomError:
    """Return the error that says what was expected, for a validator to raise."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


@dataclass(frozen=True, slots=True)
class Must:
    """A check of a text; it fails where `holds` answers False or None, or raises ValueError.

    `expected` says in words what the text must be: in faults, and in the documentation of the keys.
    """

    expected: str
    holds: Callable[[str], object]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check a text after its type (pydantic, "Handling custom generic classes and metadata")."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, text: str) -> str:
        try:
            answer = self.holds(text)
        except ValueError:
            answer = False
        if answer is False or answer is None:
            raise refusal(self.expected)
        return text


def _range(text: str) -> str:
    try:
        Range.parse(text)
    except ValueError as error:
        message = f"a range of versions like >=3.12 <3.15 ({error})"
        raise refusal(message) from None
    return text


def _expression(text: str) -> str:
    # Operators' patterns meet strangers' tags: RE2 takes linear time whatever the two are.
    import re2  # noqa: PLC0415  # only a catalog with expressions pays for it

    options = re2.Options()
    options.log_errors = False  # else the library writes to stderr
    try:
        re2.compile(text, options)
    except re2.error as error:
        (told,) = error.args
        reason = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        message = f"an RE2 expression (RE2 says {quoted(reason)})"
        raise refusal(message) from None
    return text


def _upstream(text: str) -> bool:
    found = Repository.parse(text)  # Docker Hub's official images are library/…: nothing is guessed
    return found.registry != "docker.io" or "/" in found.path


def _script(text: str) -> bool:
    parts = text.split("/")
    return all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", part) for part in parts)


def _platform(text: str) -> bool:
    return str(Platform.parse(text)) == text


def _vex(text: str) -> bool:
    return _script(text) and text.endswith(".json")


def _max_age(text: str) -> bool:
    return not timedelta() < duration(text) < _SHORTEST_MAX_AGE


def _finding(text: str) -> bool:
    # What can never equal a finding's id would wait in the catalog, and waive nothing.
    if not text or text != text.strip() or not text.isprintable() or "*" in text:
        return False
    return not text.casefold().startswith("cve") or _CVE.fullmatch(text) is not None


def _package(text: str) -> bool:
    return text != "" and text == text.strip() and text.isprintable() and "*" not in text


def _day(text: str) -> bool:
    return date.fromisoformat(text).isoformat() == text  # ISO 8601 has other spellings


type Duration = Annotated[
    str,
    Must("a duration like 90m, 24h or 7d, of at most four digits", duration),
    Field(json_schema_extra={"pattern": "^[0-9]{1,4}[mhd]$"}),
]
type Settle = Annotated[
    str,
    Must("a duration like 5m or 2h", duration),
    Must("a duration of at most 24h", lambda text: duration(text) <= _LONGEST_SETTLE),
    Field(json_schema_extra={"pattern": "^[0-9]{1,4}[mhd]$"}),
]
type MaxAge = Annotated[
    str,
    Must("a duration like 24h or 7d, of at least 1h, or 0h for any", _max_age),
    Field(json_schema_extra={"pattern": "^[0-9]{1,4}[mhd]$"}),
]
type Tag = Annotated[
    str,
    Must(f"a tag of at most {LONGEST_STABLE} characters", is_tag),
    Must(f"a tag of at most {LONGEST_STABLE} characters", lambda text: len(text) <= LONGEST_STABLE),
    Must(
        "a tag that does not end like a unique tag (dash, 16 hex digits)",
        lambda text: split_unique(text) is None,
    ),
    Field(json_schema_extra={"pattern": f"^[a-zA-Z0-9_][a-zA-Z0-9._-]{{0,{LONGEST_STABLE - 1}}}$"}),
]
type VersionRange = Annotated[
    str,
    Must(
        f"a range of versions like >=3.12 <3.15, of 1 to {_LONGEST_RULE} characters",
        lambda text: 0 < len(text) <= _LONGEST_RULE,
    ),
    AfterValidator(_range),
    Field(json_schema_extra={"minLength": 1, "maxLength": _LONGEST_RULE}),
]
type Expression = Annotated[
    str,
    Must(
        f"an RE2 expression of 1 to {_LONGEST_RULE} characters",
        lambda text: 0 < len(text) <= _LONGEST_RULE,
    ),
    AfterValidator(_expression),
    Field(json_schema_extra={"minLength": 1, "maxLength": _LONGEST_RULE}),
]
type Prefix = Annotated[
    str,
    Must("how a tag may begin, like v or release-", re.compile(_PREFIX).fullmatch),
    Field(json_schema_extra={"pattern": f"^{_PREFIX}$"}),
]
type Suffix = Annotated[
    str,
    Must(
        "how a tag may end after its version, like -slim (no digit or dot first)",
        re.compile(_SUFFIX).fullmatch,
    ),
    Field(json_schema_extra={"pattern": f"^{_SUFFIX}$"}),
]
type PlatformName = Annotated[
    str, Must("a platform in its plain form, like linux/amd64 or linux/arm/v7", _platform)
]
type RegistryHost = Annotated[str, Must("a login server like contosoapps.azurecr.io", is_host)]
type UpstreamHost = Annotated[str, Must("a registry's host, like docker.io or ghcr.io", is_host)]
type RealmHost = Annotated[str, Must("a host like auth.docker.io, without https://", is_host)]
type NamespaceName = Annotated[
    str, Must("a registry, or a prefix in one, like contoso.azurecr.io/staging", Namespace.parse)
]
type UpstreamName = Annotated[
    str,
    Must("host/repository without tag or digest, like docker.io/library/node", _upstream),
]
type RepositoryPath = Annotated[str, Must("a repository path like team/node", is_path)]
type Sentence = Annotated[str, Must("a few words", lambda text: bool(text.strip()))]
type Script = Annotated[str, Must("a relative path inside the catalog's folder", _script)]
type VexFile = Annotated[
    str, Must("a relative path inside the catalog's folder that ends in .json", _vex)
]
type FindingId = Annotated[
    str, Must("a finding's whole id, like CVE-2025-0001 or GHSA-2f9x-5v75-3qv4", _finding)
]
type PackageName = Annotated[str, Must("a package's whole name, like libssl3", _package)]
type NameGlob = Annotated[str, Must("an image name, or a glob over names", _GLOB.fullmatch)]
type Day = Annotated[
    str,
    Must("a day like 2027-01-31", _day),
    Must(
        f"a day no later than {_LAST_YEAR}-12-31",
        lambda text: date.fromisoformat(text).year <= _LAST_YEAR,
    ),
    Field(json_schema_extra={"format": "date"}),
]
type GithubRepository = Annotated[str, Must("owner/repository", _GITHUB.fullmatch)]
type Workflow = Annotated[str, Must("a workflow file like build.yml", _WORKFLOW.fullmatch)]
type GitRef = Annotated[str, Must("a branch or tag like main", _REF.fullmatch)]
type SettingName = Annotated[
    str,
    Must(
        "a name of 1 to 50 lower-case letters, digits or _ (it is part of a setting's name)",
        re.compile(_SETTING).fullmatch,
    ),
    Field(json_schema_extra={"pattern": f"^{_SETTING}$"}),
]
type RegistryId = Annotated[
    str,
    Must(
        "a registry's ARM id (/subscriptions/…/resourceGroups/…/providers/"
        "Microsoft.ContainerRegistry/registries/…)",
        re.compile(_RESOURCE).fullmatch,
    ),
    Field(json_schema_extra={"pattern": f"^{_RESOURCE}$"}),
]
