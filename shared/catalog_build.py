"""Turns a checked document into the catalog's nouns."""

from datetime import date

from shared.catalog_checks import name_of
from shared.catalog_keys import GateDocument, TagsDocument, TestDocument, WatchDocument
from shared.catalog_model import (
    Approval,
    Catalog,
    Compare,
    Counted,
    EndOfLife,
    Gate,
    Image,
    Mode,
    Rebuild,
    Requirement,
    ScanMode,
    Series,
    TagRule,
    Test,
    Upstream,
    Waiver,
    Watch,
)
from shared.catalog_notes import notes
from shared.catalog_schema import (
    CatalogDocument,
    DefaultsDocument,
    ImageDocument,
    RebuildDocument,
    UpstreamDocument,
    WaiverDocument,
)
from shared.catalog_tags import CHOOSING
from shared.catalog_texts import duration
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.oci.reference import Namespace, Repository
from shared.severity import Severity


def catalog(place: str, text: str, document: CatalogDocument) -> Catalog:
    """Build the catalog from the document its text holds."""
    images = tuple(_image(each, document.defaults) for each in document.images)
    waivers = tuple(_waiver(each) for each in document.waivers)
    rebuild = tuple(_rebuild(each) for each in document.rebuild)
    return Catalog(
        place=place,
        digest_of_text=Digest.of(text.encode()),
        staging=Namespace.parse(document.staging),
        base=Namespace.parse(document.base),
        images=images,
        apps=tuple(each.lower() for each in document.apps),
        waivers=waivers,
        rebuild=rebuild,
        upstreams=tuple(map(_upstream, document.upstreams)),
        notes=tuple(notes(images, waivers, rebuild)),
        vex=tuple(document.vex),
    )


def _image(document: ImageDocument, defaults: DefaultsDocument) -> Image:
    source = Repository.parse(document.source)
    return Image(
        name=document.name or name_of(source),
        source=source,
        tags=_names(document.tags),
        platforms=tuple(map(Platform.parse, document.platforms or defaults.platforms)),
        gate=_gate(defaults.gate, document.gate),
        test=_test(document.test or defaults.test),
        rule=_rule(document.tags),
        watch=_watch(defaults.watch, document.watch),
    )


def _names(tags: list[str] | TagsDocument) -> tuple[str, ...]:
    return tuple(tags.names or () if isinstance(tags, TagsDocument) else tags)


def _rule(tags: list[str] | TagsDocument) -> TagRule | None:
    if not isinstance(tags, TagsDocument) or tags.model_fields_set.isdisjoint(CHOOSING):
        return None
    return TagRule(
        semver=tags.semver or "",
        prefix=tags.prefix or "",
        suffix=tags.suffix or "",
        allow=_expressions(tags.allow),
        deny=_expressions(tags.deny),
        newest=tags.newest or 0,
        per=Series(tags.per),
        prereleases=tags.prereleases,
    )


def _expressions(written: str | list[str] | None) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written or ())


def _watch(defaults: WatchDocument, own: WatchDocument | None) -> Watch:
    written = {key: getattr(own, key) for key in own.model_fields_set} if own else {}
    watch = defaults.model_copy(update=written)
    return Watch(settle=duration(watch.settle), equivalent=watch.equivalent)


def _upstream(document: UpstreamDocument) -> Upstream:
    return Upstream(
        registry=document.registry.lower(),
        credentials=document.credentials or "",
        entra=document.entra,
        resource_id=document.resource_id or "",
        concurrency=document.concurrency or 0,
        rate=document.rate or 0.0,
        reserve=document.reserve,
        realms=tuple(each.lower() for each in document.realms or ()),
        webhook=document.webhook or "",
    )


def _gate(defaults: GateDocument, own: GateDocument | None) -> Gate:
    written = {key: getattr(own, key) for key in own.model_fields_set} if own else {}
    gate = defaults.model_copy(update=written)
    return Gate(
        scan=ScanMode(gate.scan),
        block=Severity.of(gate.block),
        fixable_only=gate.fixable_only,
        compare=Compare(gate.compare),
        age=duration(gate.age),
        dwell=duration(gate.dwell),
        approval=Approval(gate.approval),
        mode=Mode(gate.mode),
        reason=gate.reason or "",
        max_age=duration(gate.max_age),
        max_database_age=duration(gate.max_database_age),
        suppressed=Counted(gate.suppressed),
        foreign=Counted(gate.foreign),
        eol=EndOfLife(gate.eol),
        require=tuple(map(Requirement, gate.require)),
        skip_age_for_fixes=gate.skip_age_for_fixes,
    )


def _test(document: TestDocument | None) -> Test | None:
    return Test(document.script) if document else None


def _waiver(document: WaiverDocument) -> Waiver:
    return Waiver(
        id=document.id,
        image=document.image,
        reason=document.reason,
        owner=document.owner,
        expires=date.fromisoformat(document.expires),
        package=document.package or "",
    )


def _rebuild(document: RebuildDocument) -> Rebuild:
    return Rebuild(document.when, document.github, document.workflow, document.ref)
