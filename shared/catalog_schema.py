"""The catalog as a document: the keys people may write, and what each may hold."""

from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from shared.catalog_keys import GateDocument, Strict, Tags, TestDocument, WatchDocument
from shared.catalog_texts import (
    Day,
    FindingId,
    GithubRepository,
    GitRef,
    NameGlob,
    NamespaceName,
    PackageName,
    PlatformName,
    RealmHost,
    RegistryHost,
    RegistryId,
    RepositoryPath,
    Sentence,
    SettingName,
    UpstreamHost,
    UpstreamName,
    VexFile,
    Workflow,
)

type Platforms = Annotated[list[PlatformName], Field(min_length=1)]


class DefaultsDocument(Strict):
    """What holds for every image that does not say otherwise."""

    platforms: Platforms = Field(
        ["linux/amd64"],
        description="What an image must have; each platform is scanned by itself, and must pass.",
    )
    gate: GateDocument = Field(
        default_factory=GateDocument,  # type: ignore[arg-type]  # all defaults
        description="What every image must pass.",
    )
    test: TestDocument | None = Field(None, description="The test of every image without its own.")
    watch: WatchDocument = Field(
        default_factory=WatchDocument,  # type: ignore[arg-type]  # all defaults
        description="How every image's tags are read.",
    )


class ImageDocument(Strict):
    """One image, and which of its tags are watched.

    Of one source a tag is watched once; the same source may stand there again under another name, with other tags.
    """

    source: UpstreamName = Field(description="Where it comes from.")
    name: RepositoryPath | None = Field(
        None,
        description="Its repository in staging and base; if left out, the source's, without `library/`.",
    )
    tags: Tags = Field(description="The stable tags to watch, or a rule that chooses them.")
    platforms: Platforms | None = Field(None, description="As `defaults.platforms`, for it alone.")
    test: TestDocument | None = Field(None, description="As `defaults.test`, for it alone.")
    gate: GateDocument | None = Field(
        None, description="What it must pass, where that is not as in `defaults.gate`."
    )
    watch: WatchDocument | None = Field(
        None, description="How its tags are read, where that is not as in `defaults.watch`."
    )


class UpstreamDocument(Strict):
    """A registry that images come from, and how it wants to be asked.

    It need not be listed; this is for those that need credentials, limits or webhooks of their own. What is secret
    is an app setting, and only its name stands here.
    """

    registry: UpstreamHost = Field(description="Its host, as in the images' `source`.")
    credentials: SettingName | None = Field(
        None,
        description="Signs in with the app settings `UPSTREAM_<NAME>_USERNAME` and `UPSTREAM_<NAME>_PASSWORD`.",
    )
    entra: bool = Field(
        False, description="Whether it is another ACR, where the app signs in as itself."
    )
    resource_id: RegistryId | None = Field(
        None, alias="resourceId", description="Another ACR's ARM id; imports go by it."
    )
    concurrency: int | None = Field(
        None, ge=1, le=100, description="Requests at a time; if left out, as the app is set."
    )
    rate: float | None = Field(
        None, gt=0, le=1000, description="Requests a second; if left out, as many as it answers."
    )
    reserve: int = Field(
        10, ge=0, le=10_000, description="Pulls that are left to others, by its own rate limit."
    )
    realms: list[RealmHost] | None = Field(
        None, min_length=1, description="Other hosts that may give its tokens."
    )
    webhook: SettingName | None = Field(
        None, description="Its pushes are proven with the app setting `WEBHOOK_<NAME>_SECRET`."
    )


class WaiverDocument(Strict):
    """Forgives one finding, for a reason somebody stands by, until a day.

    A waived finding does not block, and every decision that rests on a waiver names it. It never replaces a report.
    A week before it expires it is reported. One that has expired waives nothing, and is no fault. The same finding is
    waived once for the same images and package; a waiver that matches no image of the catalog is noted.
    """

    id: FindingId = Field(description="The finding; upper and lower case are the same.")
    image: NameGlob = Field(
        description="Of which images, by name: `*` is any text, slashes too, `?` any character."
    )
    package: PackageName | None = Field(
        None, description="Only in this package; if left out, in every one."
    )
    reason: Sentence = Field(description="Why the finding is no danger there.")
    owner: Sentence = Field(description="Who says so, and is asked when it expires.")
    expires: Day = Field(description="The last day it holds, in UTC.")


class RebuildDocument(Strict):
    """A GitHub workflow to run when a base repository's tag moves. None is started yet, only ACR tasks are."""

    when: RepositoryPath = Field(description="The repository in the base registry.")
    github: GithubRepository = Field(description="Where the workflow is.")
    workflow: Workflow = Field(description="Its file in `.github/workflows`.")
    ref: GitRef = Field(description="On what it runs.")


class CatalogDocument(Strict):
    """What Breakwater watches, buffers, gates, promotes and rebuilds."""

    staging: NamespaceName = Field(description="Where candidates are examined.")
    base: NamespaceName = Field(description="Where builds take their base images from.")
    apps: list[RegistryHost] = Field([], description="Registries whose tasks build apps.")
    defaults: DefaultsDocument = Field(
        default_factory=DefaultsDocument,  # type: ignore[arg-type]  # all defaults
        description="What holds for every image that does not say otherwise.",
    )
    images: list[ImageDocument] = Field(min_length=1, description="The images, and their tags.")
    upstreams: list[UpstreamDocument] = Field(
        [], description="Registries that need credentials, limits or webhooks of their own."
    )
    waivers: list[WaiverDocument] = Field([], description="Findings that are forgiven.")
    vex: list[VexFile] = Field(
        [],
        description="OpenVEX or CycloneDX VEX documents beside the catalog: what they call not affected or fixed does "
        "not block, as if it were waived.",
        json_schema_extra={"uniqueItems": True},
    )
    rebuild: list[RebuildDocument] = Field([], description="GitHub workflows that rebuild apps.")


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
