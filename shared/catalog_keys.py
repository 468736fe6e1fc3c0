"""The keys that say what an image must pass, how it is tested and watched, and which of its tags."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field
from pydantic import Tag as Alternative

from shared.catalog_tags import BESIDE, CHOOSING
from shared.catalog_texts import (
    Duration,
    Expression,
    MaxAge,
    Prefix,
    Script,
    Sentence,
    Settle,
    Suffix,
    Tag,
    VersionRange,
)


class Strict(BaseModel):
    """Every key is known, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GateDocument(Strict):
    """What a candidate must pass before it is promoted.

    A gate must demand something: a scan, a test, an age or an approval. In an image's gate, a key that is left out
    is as in `defaults.gate`; a list that is written there replaces the defaults' list.
    """

    scan: Literal["trivy", "none"] = Field(
        "trivy",
        description="The scanner. `none` is for data that is not run, and needs a `reason`; a gate without a scan "
        "takes no key that speaks of findings or reports.",
    )
    block: Literal["low", "medium", "high", "critical"] = Field(
        "high",
        description="Findings of this severity or worse block. A severity nobody knows counts as the worst.",
    )
    fixable_only: bool = Field(
        False, description="Whether a finding blocks only if there is a version that fixes it."
    )
    compare: Literal["any", "not-worse"] = Field(
        "any",
        description="`any`: every finding that reaches `block` blocks. `not-worse`: one that the promoted image has "
        "too, at least as severe, in a scan with the same database, does not block.",
    )
    max_age: MaxAge = Field(
        "7d",
        description="How old a report may be when it is judged. An older one is not used: the image is scanned again.",
    )
    max_database_age: MaxAge = Field(
        "7d",
        description="How old the scanner's vulnerability database may have been. A report that rests on an older "
        "one, or does not tell, is not used.",
    )
    suppressed: Literal["count", "ignore"] = Field(
        "count",
        description="Whether findings count that the scanner was told to suppress, by an ignore file or a VEX "
        "document of its own.",
    )
    foreign: Literal["count", "ignore"] = Field(
        "count",
        description="Whether reports count that somebody else attached in staging. They only ever add findings; one "
        "that cannot be read holds the image.",
    )
    eol: Literal["allow", "block"] = Field(
        "allow",
        description="`block`: an operating system that gets no more fixes from its publisher is rejected.",
    )
    require: list[Literal["sbom", "signature"]] = Field(
        [],
        description="What there must be besides reports, made or checked by a run of our own. No run does so yet: the "
        "image is held until an operator approves it with `override`.",
        json_schema_extra={"uniqueItems": True},
    )
    age: Duration = Field(
        "24h",
        description="How long a candidate must have been in staging, by the registry's own clock.",
    )
    skip_age_for_fixes: bool = Field(
        False,
        description="Whether a candidate need not age that removes a finding which would block from every promoted "
        "image it replaces, and adds none.",
    )
    dwell: Duration = Field(
        "12h",
        description="How long it must have been upstream's current one. What upstream replaced sooner was withdrawn "
        "for a reason, and is held until an operator releases it.",
    )
    approval: Literal["none", "manual"] = Field(
        "none", description="`manual`: a person must approve that very digest."
    )
    mode: Literal["enforce", "observe"] = Field(
        "enforce",
        description="`observe`: scan, test and promote, and record what `enforce` would have said.",
    )
    reason: Sentence | None = Field(None, description="Why the gate is as it is, for who reads it.")


class TestDocument(Strict):
    """How an image is tested: a script runs in it, without network, and must end with status 0."""

    __test__ = False  # pytest: a noun, not a test

    script: Script = Field(
        description="A shell script, relative to the catalog; it runs inside the image."
    )


class WatchDocument(Strict):
    """How upstream tags are read. In an image's `watch`, keys left out are as in `defaults.watch`."""

    settle: Settle = Field(
        "5m",
        description="How long a tag must have stood on its new digest before it is imported, so that an image pushed "
        "platform by platform is taken once and whole.",
    )
    equivalent: bool = Field(
        True,
        description="Whether an index whose required platforms did not change counts as the one before it.",
    )


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


class TagsDocument(Strict):
    """Tags chosen among those upstream lists, by a range of versions, by expressions, or both.

    What is chosen must be said by `semver`, `allow`, `prefix` or `suffix`; `names` may stand beside them or alone. A
    range that names a prerelease needs `prereleases: true`.
    """

    model_config = ConfigDict(json_schema_extra=_beside)

    names: list[Tag] | None = Field(
        None, min_length=1, description="Tags that are watched whatever the rule says."
    )
    semver: VersionRange | None = Field(
        None,
        description="Which versions, in npm's notation. How many numbers it writes says which tags are meant: `>=3.12` "
        "chooses `3.13`, and `>=3.12.0` chooses `3.13.1`.",
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
