"""Others' reports are read: each once, and none that would cost more than it may be worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from shared.errors import Permanent
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor
from shared.oci.reference import Repository
from shared.policy.facts import Foreign
from shared.ports import DataPlane
from shared.reports import fields, formats
from shared.reports.findings import InvalidReport, NothingExamined, Report
from shared.reports.subjects import AboutAnother

# A publisher chooses how many there are, and what is in them: without these bounds one image could keep the app
# busy for hours and take all its memory (32 MB of the smallest results: a minute and 800 MB).
MOST = 20  # reports that are read of each part
LARGEST = 16 << 20  # bytes of one: bills of materials come this way too, and some are large
ALTOGETHER = 32 << 20  # bytes of all that are attached to one candidate and its platforms
_MOST_INSIDE = 200_000  # objects and lists in one: they cost more than their bytes say
_MOST_FINDINGS = 5000  # of one, and characters of all their texts: they stay in memory
_MOST_TEXT = 2_000_000
_MOST_IN_ALL = 20_000  # findings of one candidate: they are judged at every look
# Outcomes; their names are digests, so none is ever stale. More than one candidate's, or each look would read all anew.
_OPENED, _KEPT = 512, 128
_CYCLONEDX = "application/vnd.cyclonedx+json"

type Parts = Mapping[Digest, tuple[Digest, ...]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A report, what it is attached to and what it may be about; whom to ask is no part of what it is."""

    repository: Repository
    digest: Digest
    part: Digest
    about: tuple[Digest, ...]
    plane: DataPlane = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a report's manifest says: of what kind it is, and where its bytes are."""

    kind: str
    layer: Descriptor


def read(
    plane: DataPlane, repository: Repository, listed: Parts, parts: tuple[Digest, ...]
) -> Mapping[Digest, tuple[Foreign, ...]]:
    """Return what others reported about each part; `parts` begin with the index, `listed` has their reports.

    What is no report but a bill of materials is left out, and what neither finds anything nor shows that it looked;
    whatever else is not read is an error that names it.
    """
    index, room, left = parts[0], ALTOGETHER, _MOST_IN_ALL
    found: dict[Digest, tuple[Foreign, ...]] = {}
    for part in parts:
        kept: list[Foreign] = []
        for digest in listed[part][:MOST]:
            about = parts if part == index else (part, index)
            each, size = _read(_Asked(repository, digest, part, about, plane), room)
            room -= size
            count = len(each.report.findings) if each is not None and each.report else 0
            if count > left:
                error = (
                    f"it is left out, because more than {_MOST_IN_ALL} findings are attached in all"
                )
                each = Foreign(digest, error=error)
            else:
                left -= count
            kept += [each] if each is not None else []
        if len(listed[part]) > MOST:
            error = f"it was not read, because more than {MOST} are attached to {part}"
            kept.append(Foreign(listed[part][MOST], error=error))
        found[part] = tuple(kept)
    return found


def kind_of(artifact_type: str) -> str:
    """Return the media type alone, in lower case."""
    return artifact_type.partition(";")[0].strip().lower()


def _read(asked: _Asked, room: int) -> tuple[Foreign | None, int]:
    """Read one, and return how much of the room it took."""
    size = 0
    try:
        size = _opened(asked).layer.size
        if size > room:
            error = f"it was not read, because more than {ALTOGETHER >> 20} MiB are attached in all"
            return Foreign(asked.digest, error=error), 0
        report = _parsed(asked)
    except Permanent as error:
        report = str(error)
    if isinstance(report, str):
        return Foreign(asked.digest, error=report), size
    return (None if report is None else Foreign(asked.digest, report)), size


@lru_cache(maxsize=_OPENED)
def _opened(asked: _Asked) -> _Opened:
    """Read its manifest. Raises Permanent saying what is wrong with it."""
    manifest = asked.plane.manifest(asked.repository, asked.digest)
    if manifest is None:
        message = "staging lists it and does not give it"
        raise Permanent(message)
    kind = kind_of(manifest.artifact_type)
    if kind not in formats.FOREIGN:
        message = (
            f"artifact type: expected one of {', '.join(formats.FOREIGN)}, found {kind[:100]!r}"
        )
        raise Permanent(message)
    if manifest.subject is None or manifest.subject.digest != asked.part:
        message = f"subject: expected {asked.part}, found another"
        raise Permanent(message)
    if len(manifest.layers) != 1:
        message = f"layers: expected one, found {len(manifest.layers)}"
        raise Permanent(message)
    if (size := manifest.layers[0].size) > LARGEST:
        message = f"expected a report of at most {LARGEST} bytes, found {size}"
        raise Permanent(message)
    return _Opened(kind, manifest.layers[0])


@lru_cache(maxsize=_KEPT)
def _parsed(asked: _Asked) -> Report | str | None:
    """Return the report, or why it is none; None for a bill of materials, and for what says nothing at all."""
    opened = _opened(asked)
    # No more than its manifest says: that is what its share of the room was reckoned by.
    raw = asked.plane.blob(asked.repository, opened.layer.digest, opened.layer.size)
    try:
        if (inside := raw.count(b"{") + raw.count(b"[")) > _MOST_INSIDE:
            if opened.kind == _CYCLONEDX and _speaks_of_none(raw):
                return None
            return f"expected at most {_MOST_INSIDE} objects and lists in it, found about {inside}"
        if opened.kind == _CYCLONEDX and _is_plain(fields.document(raw, LARGEST)):
            return None
        report = _about_any(asked, opened.kind, raw)
    except NothingExamined:  # it proves nothing, and could only have added
        return None
    except InvalidReport as error:
        return str(error)
    return _excess(report) or report


def _about_any(asked: _Asked, kind: str, raw: bytes) -> Report:
    """Parse it as being about its part, else about what it names itself, if it may be about that."""
    try:
        return formats.parse(raw, kind=kind, subject=asked.part)
    except AboutAnother as first:
        other = next((each for each in asked.about if each in first.claims), None)
        if other is None:
            raise
        try:
            return formats.parse(raw, kind=kind, subject=other)
        except InvalidReport:
            raise first from None


def _excess(report: Report) -> str:
    """Say what there is too much of in a report; "" when it is of a bearable size."""
    if (count := len(report.findings)) > _MOST_FINDINGS:
        return f"expected at most {_MOST_FINDINGS} findings, found {count}"
    said = sum(
        len(text)
        for each in report.findings
        for text in (each.id, each.package, each.installed, each.fixed, each.title, each.target)
    )
    return f"expected at most {_MOST_TEXT} characters, found {said}" if said > _MOST_TEXT else ""


def _is_plain(body: Mapping[str, object]) -> bool:
    return body.get("bomFormat") == "CycloneDX" and "vulnerabilities" not in body


def _speaks_of_none(raw: bytes) -> bool:
    """Tell whether a document that is too large to parse cannot have the key `vulnerabilities`, escaped or not.

    One in UTF-16 has zeros, and one that is cut off leaves something open: either might have had it.
    """
    whole = raw.count(b"{") == raw.count(b"}") and raw.count(b"[") == raw.count(b"]")
    return whole and not any(each in raw for each in (b"vulnerabilities", b"\\u00", b"\0"))
