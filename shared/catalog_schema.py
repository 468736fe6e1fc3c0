"""The catalog as a document: the keys people may write, and what each may hold."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from shared.oci.platform import Platform
from shared.oci.reference import Namespace, Repository, is_host, is_path, is_tag
from shared.oci.tags import LONGEST_STABLE, split_unique

_DURATION = re.compile(r"([0-9]{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_GITHUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_WORKFLOW = re.compile(r"[A-Za-z0-9._-]{1,100}\.ya?ml")
_REF = re.compile(r"(?!.*(?:\.\.|//|@\{))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_GLOB = re.compile(r"[a-z0-9._/*?-]{1,255}")


def duration(text: str) -> timedelta:
    """Return the span of time that `90m`, `24h` or `7d` means. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if not match:
        message = f"expected a duration like 24h, found {text[:40]!r}"
        raise ValueError(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _must(expected: str, holds: Callable[[str], object]) -> AfterValidator:
    """Make a check of a text; it fails where `holds` answers False or None, or raises ValueError."""

    def check(text: str) -> str:
        try:
            answer = holds(text)
        except ValueError:
            answer = False
        if answer is False or answer is None:
            raise PydanticCustomError("expected", "{expected}", {"expected": expected})
        return text

    return AfterValidator(check)


def _upstream(text: str) -> bool:
    found = Repository.parse(text)  # Docker Hub's official images are library/…: nothing is guessed
    return found.registry != "docker.io" or "/" in found.path


def _script(text: str) -> bool:
    parts = text.split("/")
    return all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", part) for part in parts)


def _platform(text: str) -> bool:
    return str(Platform.parse(text)) == text


def _day(text: str) -> bool:
    return date.fromisoformat(text).isoformat() == text  # ISO 8601 has other spellings


def _names_only(value: object) -> object:
    if isinstance(value, dict):
        expected = (
            "a list of tag names; choosing tags by a rule (semver, newest) is not supported yet"
        )
        raise PydanticCustomError("expected", "{expected}", {"expected": expected})
    return value


type Duration = Annotated[
    str,
    _must("a duration like 90m, 24h or 7d", duration),
    Field(json_schema_extra={"pattern": "^[0-9]{1,4}[mhd]$"}),
]
type Tag = Annotated[
    str,
    _must(f"a tag of at most {LONGEST_STABLE} characters", is_tag),
    _must(
        f"a tag of at most {LONGEST_STABLE} characters", lambda text: len(text) <= LONGEST_STABLE
    ),
    _must(
        "a tag that does not end like a unique tag (dash, 16 hex digits)",
        lambda text: split_unique(text) is None,
    ),
    Field(json_schema_extra={"pattern": f"^[a-zA-Z0-9_][a-zA-Z0-9._-]{{0,{LONGEST_STABLE - 1}}}$"}),
]
type PlatformName = Annotated[
    str, _must("a platform in its plain form, like linux/amd64 or linux/arm/v7", _platform)
]
type Platforms = Annotated[list[PlatformName], Field(min_length=1)]
type RegistryHost = Annotated[str, _must("a login server like contosoapps.azurecr.io", is_host)]
type NamespaceName = Annotated[
    str, _must("a registry, or a prefix in one, like contoso.azurecr.io/staging", Namespace.parse)
]
type UpstreamName = Annotated[
    str,
    _must("host/repository without tag or digest, like docker.io/library/node", _upstream),
]
type RepositoryPath = Annotated[str, _must("a repository path like team/node", is_path)]
type Sentence = Annotated[str, _must("a few words", lambda text: bool(text.strip()))]


class _Strict(BaseModel):
    """Every key is known, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GateDocument(_Strict):
    """What a candidate must pass. In an image, keys left out come from `defaults.gate`."""

    scan: Literal["trivy", "none"] = Field(
        "trivy", description="The scanner; `none` needs a reason."
    )
    block: Literal["low", "medium", "high", "critical"] = Field(
        "high", description="Findings of this severity or worse block."
    )
    fixable_only: bool = Field(False, description="Only findings that have a fix block.")
    compare: Literal["any", "not-worse"] = Field(
        "any", description="`not-worse`: only findings the promoted image does not have block."
    )
    age: Duration = Field("24h", description="How long a candidate must have been in staging.")
    dwell: Duration = Field("12h", description="How long it must have been upstream's current one.")
    approval: Literal["none", "manual"] = Field("none", description="Whether a person must agree.")
    mode: Literal["enforce", "observe"] = Field(
        "enforce", description="`observe`: promote, and record what `enforce` would have said."
    )
    reason: Sentence | None = Field(None, description="Why the gate is as it is.")


class TestDocument(_Strict):
    """How an image is tested."""

    __test__ = False  # pytest: a noun, not a test

    script: Annotated[str, _must("a relative path inside the catalog's folder", _script)] = Field(
        description="A shell script, relative to the catalog; it runs inside the image."
    )


class DefaultsDocument(_Strict):
    """What holds for every image that does not say otherwise."""

    platforms: Platforms = Field(["linux/amd64"])
    gate: GateDocument = Field(default_factory=GateDocument)  # type: ignore[arg-type]  # all defaults
    test: TestDocument | None = Field(None)


class ImageDocument(_Strict):
    """One image and the tags of it that are watched."""

    source: UpstreamName = Field(description="Where it comes from: host/repository.")
    name: RepositoryPath | None = Field(
        None, description="Its repository in staging and base; the source's, without `library/`."
    )
    tags: Annotated[list[Tag], BeforeValidator(_names_only)] = Field(
        min_length=1, description="The stable tags to watch."
    )
    platforms: Platforms | None = Field(None)
    test: TestDocument | None = Field(None)
    gate: GateDocument | None = Field(None)


class WaiverDocument(_Strict):
    """Forgives one finding."""

    id: Sentence = Field(description="The finding, like CVE-2025-0001.")
    image: Annotated[str, _must("an image name, or a glob over names", _GLOB.fullmatch)]
    package: Sentence | None = Field(None, description="Only in this package.")
    reason: Sentence
    owner: Sentence
    expires: Annotated[
        str,
        _must("a day like 2027-01-31", _day),
        Field(json_schema_extra={"format": "date"}),
    ]


class RebuildDocument(_Strict):
    """A GitHub workflow to run when a base repository's tag moves."""

    when: RepositoryPath = Field(description="The repository in the base registry.")
    github: Annotated[str, _must("owner/repository", _GITHUB.fullmatch)]
    workflow: Annotated[str, _must("a workflow file like build.yml", _WORKFLOW.fullmatch)]
    ref: Annotated[str, _must("a branch or tag like main", _REF.fullmatch)]


class CatalogDocument(_Strict):
    """What Breakwater watches, buffers, gates, promotes and rebuilds."""

    staging: NamespaceName = Field(description="Where candidates are examined.")
    base: NamespaceName = Field(description="Where builds take their base images from.")
    apps: list[RegistryHost] = Field([], description="Registries whose tasks build apps.")
    defaults: DefaultsDocument = Field(default_factory=DefaultsDocument)  # type: ignore[arg-type]  # all defaults
    images: list[ImageDocument] = Field(min_length=1)
    waivers: list[WaiverDocument] = Field([])
    rebuild: list[RebuildDocument] = Field([])


class _Editors(GenerateJsonSchema):
    """A key may be left out, but not left empty: the schema knows no null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Describe the value alone."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Name no default where there is none to name."""
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema by which editors complete and check a catalog."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **CatalogDocument.model_json_schema(schema_generator=_Editors),
    }
