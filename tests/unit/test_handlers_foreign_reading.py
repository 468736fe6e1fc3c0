"""What reading others' reports may cost: bounded, whatever a publisher attaches, and what is left out is said."""

from dataclasses import replace
from typing import Any

import pytest

from handlers import foreign_reading
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.policy.facts import Foreign
from shared.reports import formats
from tests import report_bodies
from tests.builders import a_digest
from tests.fake_clock import FakeClock
from tests.fake_registries import FakeRegistries
from tests.fakes import index
from tests.machine import PLATFORMS, STAGING

SARIF, CYCLONEDX = "application/sarif+json", "application/vnd.cyclonedx+json"
RUN: dict[str, Any] = {"properties": {}}  # names no image


class Counting(FakeRegistries):
    """Registries that hold one image, and count what is read of blobs."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        *children, top = index("white", PLATFORMS)
        self.parts = (top.digest, *(each.digest for each in children))
        for each in (*children, top):
            self.put_manifest(STAGING, each.digest, each)
        self.fetched = 0

    def blob(self, *args: Any) -> bytes:
        self.fetched += 1
        return super().blob(*args)

    def attached(self, body: Any, kind: str = SARIF, to: int = 0) -> Digest:
        subject = self.head(STAGING, self.parts[to])
        assert subject is not None
        content = body if isinstance(body, bytes) else report_bodies.raw(body)
        return self.attach(
            STAGING,
            subject,
            artifact_type=kind,
            media_type=kind,
            content=content,
            annotations={},
        )

    def read(self, *listed: tuple[Digest, ...]) -> tuple[Foreign, ...]:
        """Everything that is read of what is listed for each part."""
        by_part = dict(zip(self.parts, (*listed, *((),) * 3), strict=False))
        found = foreign_reading.read(self, STAGING, by_part, self.parts)
        return tuple(each for part in self.parts for each in found[part])


def results(count: int, **changes: Any) -> dict[str, Any]:
    found = ({"ruleId": f"CVE-2025-{number:05}", **changes} for number in range(count))
    return report_bodies.sarif(*found, **RUN)


def spaced(size: int, text: str) -> bytes:
    """A report of this size, unlike any other."""
    found = report_bodies.a_result(message={"text": f"Package: {text}"})
    return report_bodies.raw(report_bodies.sarif(found, **RUN)).ljust(size)


def test_one_that_is_too_large_is_an_error_and_not_fetched(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(foreign_reading, "LARGEST", 1000)
    registries = Counting()

    (one,) = registries.read((registries.attached(b" " * 1001),))

    assert "at most 1000 bytes" in one.error
    assert registries.fetched == 0


def test_one_that_is_listed_for_a_part_it_does_not_refer_to_is_an_error():
    registries = Counting()
    elsewhere = registries.attached(results(1), to=1)

    (one,) = registries.read((elsewhere,))

    assert one.error == f"subject: expected {registries.parts[0]}, found another"
    assert one.report is None


def test_all_that_is_attached_to_one_candidate_is_read_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(foreign_reading, "ALTOGETHER", 5 << 20)
    registries = Counting()
    mine = [registries.attached(spaced(2 << 20, f"a{number}")) for number in range(2)]
    theirs = [registries.attached(spaced(2 << 20, f"b{number}"), to=1) for number in range(2)]

    found = registries.read(tuple(mine), tuple(theirs))

    assert [each.report is not None for each in found] == [True, True, False, False]
    assert {each.error for each in found[2:]} == {
        "it was not read, because more than 5 MiB are attached in all"
    }
    assert registries.fetched == 2
    assert registries.read(tuple(mine), tuple(theirs)) == found


def test_one_of_too_many_objects_is_an_error_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(formats, "parse", lambda *_, **__: pytest.fail("it was parsed"))
    registries = Counting()
    crowded = b'{"version": "2.1.0", "x": [' + b"{}," * 200_000 + b"{}]}"

    (one,) = registries.read((registries.attached(crowded),))

    assert "expected at most 200000 objects" in one.error


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (results(5001), "expected at most 5000 findings, found 5001"),
        (results(1100, properties={"package": "x" * 2000}, level="note"), ""),
        (results(1100, message={"text": "y" * 1999}, properties={"x": "z" * 1999}), ""),
    ],
)
def test_more_than_can_be_kept_is_an_error(body: Any, why: str):
    registries = Counting()

    (one,) = registries.read((registries.attached(body),))

    assert one.error == why
    assert (one.report is None) is bool(why)


def test_long_texts_of_many_findings_are_an_error():
    registries = Counting()
    found = ({"ruleId": f"{number:05}{'x' * 1990}"} for number in range(1100))

    (one,) = registries.read((registries.attached(report_bodies.sarif(*found, **RUN)),))

    assert "expected at most 2000000 characters" in one.error


def test_a_manifest_that_says_less_than_its_blob_holds_is_an_error():
    registries = Counting()
    digest = registries.attached(spaced(1000, "less"))
    true = registries.manifest(STAGING, digest)
    assert true is not None
    told = replace(true, layers=(replace(true.layers[0], size=10),))

    class Lying(Counting):
        def manifest(self, *_: Any) -> Manifest:
            return told

    lying = Lying()
    lying.attached(spaced(1000, "less"))
    (one,) = lying.read((digest,))

    assert one.report is None
    assert one.error


@pytest.mark.parametrize("tries", [0, 1, 2])
def test_a_report_about_whatever_it_may_be_about_is_parsed_twice_at_most(
    tries: int, monkeypatch: pytest.MonkeyPatch
):
    registries = Counting()
    asked: list[Digest] = []
    parse = formats.parse

    def counted(raw: bytes, *, kind: str, subject: Digest) -> Any:
        asked.append(subject)
        return parse(raw, kind=kind, subject=subject)

    monkeypatch.setattr(formats, "parse", counted)
    named = (registries.parts[0], registries.parts[2], a_digest(77))[tries]
    body = report_bodies.cyclonedx(report_bodies.a_vulnerability())
    body["metadata"]["component"]["purl"] = f"pkg:oci/node@sha256%3A{named.hex}"
    body["x"] = f"parsed {tries}"

    (one,) = registries.read((registries.attached(body, CYCLONEDX),))

    assert (one.report is not None) is (tries < 2)
    assert (
        asked == [[registries.parts[0]], [registries.parts[0], named], [registries.parts[0]]][tries]
    )


@pytest.mark.parametrize(
    ("key", "is_report"),
    [("dependencies", False), ("vulnerabilities", True), ("\\u0076ulnerabilities", True)],
)
def test_a_bill_of_materials_is_left_out_however_many_components_it_lists(
    key: str, is_report: bool
):
    registries = Counting()
    many = b'{"bomFormat": "CycloneDX", "%s": [' % key.encode() + b"{}," * 200_000 + b"{}]}"

    found = registries.read((registries.attached(many, CYCLONEDX),))

    assert bool(found) is is_report
    assert all("objects" in each.error for each in found)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_report_in_another_encoding_is_no_bill_of_materials_however_large(encoding: str):
    registries = Counting()
    text = '{"bomFormat": "CycloneDX", "x": [' + "{}," * 200_000 + '{}], "vulnerabilities": []}'

    found = registries.read((registries.attached(text.encode(encoding), CYCLONEDX),))

    assert [each.report for each in found] == [None]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_half_a_document_is_no_bill_of_materials_however_large(lost: int):
    registries = Counting()
    many = b'{"bomFormat": "CycloneDX", "components": [' + b"{}," * 200_000 + b"{}]}"

    found = registries.read((registries.attached(many[:-lost], CYCLONEDX),))

    assert [each.report for each in found] == [None]


def test_what_one_image_has_attached_is_not_read_again_at_every_look():
    registries = Counting()
    listed = tuple(
        tuple(registries.attached(spaced(900, f"{to}-{each}"), to=to) for each in range(20))
        for to in range(3)
    )

    first = registries.read(*listed)
    registries.fetched = 0

    assert registries.read(*listed) == first
    assert registries.fetched == 0


def test_all_that_was_found_in_one_candidate_is_bounded_too():
    registries = Counting()
    many = tuple(registries.attached(results(4900, level="note", x=each)) for each in range(5))

    found = registries.read(many)

    assert [each.report is not None for each in found] == [True] * 4 + [False]
    assert "more than 20000 findings" in found[-1].error


UNSCANNED = {"driver": {"name": "Snyk Container", "properties": {"artifactsScanned": 0}}}


@pytest.mark.parametrize("tool", ["Grype", "osv-scanner", "docker scout"])
def test_a_clean_log_that_does_not_show_what_was_examined_adds_nothing_and_holds_nothing(tool: str):
    registries = Counting()
    silent = {"invocations": None, "properties": None, "tool": {"driver": {"name": tool}}}
    clean = report_bodies.sarif(**silent)

    assert registries.read((registries.attached(clean),)) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"results": None},
        {"invocations": [{"executionSuccessful": False}]},
        {"externalPropertyFileReferences": {"results": [{}]}},
        {"results": [report_bodies.a_result()], "tool": UNSCANNED},
        {"tool": UNSCANNED, "invocations": [{"executionSuccessful": False}]},
    ],
)
def test_a_log_that_may_have_lost_its_results_is_an_error(changes: dict[str, Any]):
    registries = Counting()
    silent = {"invocations": None, "properties": None}
    broken = report_bodies.sarif(**{**silent, **changes})

    (one,) = registries.read((registries.attached(broken),))

    assert one.error


def test_a_log_without_a_run_is_an_error():
    registries = Counting()

    (one,) = registries.read((registries.attached({"version": "2.1.0", "runs": []}),))

    assert "found neither" in one.error


def test_what_lists_files_alone_and_no_vulnerability_holds_nothing():
    registries = Counting()
    body = report_bodies.cyclonedx()
    body["components"] = [{"type": "file", "name": "bin/app"}]
    body["metadata"]["component"]["purl"] = f"pkg:oci/node@sha256%3A{registries.parts[0].hex}"

    assert registries.read((registries.attached(body, CYCLONEDX),)) == ()
