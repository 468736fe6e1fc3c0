"""The catalog as a document: the keys people may write, and what each may hold."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field
from pydantic import Tag as Alternative
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from shared.catalog_tags import BESIDE, CHOOSING
from shared.catalog_texts import (
    Day,
    Duration,
    Expression,
    GithubRepository,
    GitRef,
    NameGlob,
    NamespaceName,
    PlatformName,
    Prefix,
    RealmHost,
    RegistryHost,
    RegistryId,
    RepositoryPath,
    Script,
    Sentence,
    SettingName,
    Settle,
    Suffix,
    Tag,
    UpstreamHost,
    UpstreamName,
    VersionRange,
    Workflow,
)

type Platforms = Annotated[list[PlatformName], Field(min_length=1)]


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

    script: Script = Field(
        description="A shell script, relative to the catalog; it runs inside the image."
    )


class WatchDocument(_Strict):
    """How upstream tags are read. In an image, keys left out come from `defaults.watch`."""

    settle: Settle = Field("5m", description="How long a move must have stood; at most 24h.")
    equivalent: bool = Field(
        True, description="An index whose required platforms did not change is no news."
    )


class DefaultsDocument(_Strict):
    """What holds for every image that does not say otherwise."""

    platforms: Platforms = Field(["linux/amd64"])
    gate: GateDocument = Field(default_factory=GateDocument)  # type: ignore[arg-type]  # all defaults
    test: TestDocument | None = Field(None)
    watch: WatchDocument = Field(default_factory=WatchDocument)  # type: ignore[arg-type]  # all defaults


def _shape(value: object) -> str | None:
    match value:
        case str():
            return "text"
        case list():
            return "list"
        case dict() | TagsDocument():
            return "mapping"
        case _:
            return None


def _either(expected: str) -> Discriminator:
    return Discriminator(
        _shape,
        custom_error_type="expected",
        custom_error_message="{expected}",
        custom_error_context={"expected": expected},
    )


type Expressions = Annotated[
    Annotated[Expression, Alternative("text")]
    | Annotated[list[Expression], Field(min_length=1, max_length=20), Alternative("list")],
    _either("an RE2 expression, or a list of them"),
]


def _beside(schema: dict[str, Any]) -> None:
    # What catalog_tags says between keys, for editors.
    schema["anyOf"] = [{"required": [key]} for key in ("names", *CHOOSING)]
    schema["dependentSchemas"] = {
        key: {"anyOf": [{"required": [each]} for each in needed]} for key, needed in BESIDE.items()
    }


class TagsDocument(_Strict):
    """Tags chosen among those upstream lists, by a range of versions, by expressions, or both."""

    model_config = ConfigDict(json_schema_extra=_beside)

    names: list[Tag] | None = Field(
        None, min_length=1, description="Tags that are watched whatever the rule says."
    )
    semver: VersionRange | None = Field(
        None, description="A range of versions, like `>=3.12 <3.15`."
    )
    prefix: Prefix | None = Field(None, description="What stands before the version.")
    suffix: Suffix | None = Field(None, description="What stands after the version, like `-slim`.")
    allow: Expressions | None = Field(
        None, description="Only tags that one of these RE2 expressions matches as a whole."
    )
    deny: Expressions | None = Field(
        None, description="No tag that one of these RE2 expressions matches as a whole."
    )
    newest: int | None = Field(
        None, ge=1, le=100, description="Only that many, the highest versions first."
    )
    per: Literal["all", "major", "minor"] = Field(
        "all", description="`newest` of all versions, of each major, or of each major.minor."
    )
    prereleases: bool = Field(False, description="Also versions like 3.15.0-rc1.")


type Tags = Annotated[
    Annotated[list[Tag], Field(min_length=1), Alternative("list")]
    | Annotated[TagsDocument, Alternative("mapping")],
    _either("a list of tags, or keys that choose them (semver, allow, …)"),
]


class ImageDocument(_Strict):
    """One image and the tags of it that are watched."""

    source: UpstreamName = Field(description="Where it comes from: host/repository.")
    name: RepositoryPath | None = Field(
        None, description="Its repository in staging and base; the source's, without `library/`."
    )
    tags: Tags = Field(description="The stable tags to watch, or a rule that chooses them.")
    platforms: Platforms | None = Field(None)
    test: TestDocument | None = Field(None)
    gate: GateDocument | None = Field(None)
    watch: WatchDocument | None = Field(None)


class UpstreamDocument(_Strict):
    """A registry that images come from, and how it wants to be asked."""

    registry: UpstreamHost = Field(description="Its host, as in the images' `source`.")
    credentials: SettingName | None = Field(
        None, description="Signs in with UPSTREAM_<NAME>_USERNAME and UPSTREAM_<NAME>_PASSWORD."
    )
    entra: bool = Field(False, description="Another ACR, where the app signs in as itself.")
    resource_id: RegistryId | None = Field(
        None, alias="resourceId", description="Another ACR's ARM id; imports go by it."
    )
    concurrency: int | None = Field(None, ge=1, le=100, description="Requests at a time.")
    rate: float | None = Field(None, gt=0, le=1000, description="Requests a second.")
    reserve: int = Field(
        10, ge=0, le=10_000, description="Pulls that are left to others, by its own rate limit."
    )
    realms: list[RealmHost] | None = Field(
        None, min_length=1, description="Other hosts that may give its tokens."
    )
    webhook: SettingName | None = Field(
        None, description="Its pushes are proven with WEBHOOK_<NAME>_SECRET."
    )


class WaiverDocument(_Strict):
    """Forgives one finding."""

    id: Sentence = Field(description="The finding, like CVE-2025-0001.")
    image: NameGlob
    package: Sentence | None = Field(None, description="Only in this package.")
    reason: Sentence
    owner: Sentence
    expires: Day


class RebuildDocument(_Strict):
    """A GitHub workflow to run when a base repository's tag moves."""

    when: RepositoryPath = Field(description="The repository in the base registry.")
    github: GithubRepository
    workflow: Workflow
    ref: GitRef


class CatalogDocument(_Strict):
    """What Breakwater watches, buffers, gates, promotes and rebuilds."""

    staging: NamespaceName = Field(description="Where candidates are examined.")
    base: NamespaceName = Field(description="Where builds take their base images from.")
    apps: list[RegistryHost] = Field([], description="Registries whose tasks build apps.")
    defaults: DefaultsDocument = Field(default_factory=DefaultsDocument)  # type: ignore[arg-type]  # all defaults
    images: list[ImageDocument] = Field(min_length=1)
    upstreams: list[UpstreamDocument] = Field(
        [], description="Registries that need credentials, limits or webhooks of their own."
    )
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
