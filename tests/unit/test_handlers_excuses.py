"""Gathering excuses: the catalog's waivers and the VEX documents beside it, read once per content."""

from dataclasses import replace
from datetime import date

import pytest

from handlers import excuses
from shared.catalog import Catalog, Waiver
from shared.errors import Misconfigured, Transient
from shared.policy.facts import Staged
from shared.policy.waiving import Excuse
from shared.vex import reading
from tests.builders import a_catalog
from tests.fake_clock import START
from tests.fakes import FakeCatalog, World, world
from tests.vexes import AMD64, CANDIDATE, DIGEST, NODE, openvex, purl, statement

WAIVER = Waiver("CVE-1", "n*", "not reachable", "a@contoso.com", date(2026, 12, 31))
STAGED = Staged("application/vnd.oci.image.index.v1+json", START, CANDIDATE.platforms)


def a_world(**files: bytes) -> tuple[World, Catalog]:
    """A world whose catalog names these VEX documents, `a=…` as vex/a.json."""
    named = {f"vex/{name}.json": raw for name, raw in files.items()}
    return world(files=named), replace(a_catalog(), waivers=(WAIVER,), vex=tuple(named))


def gathered(machine: World, catalog: Catalog, staged: Staged | None = STAGED) -> list[Excuse]:
    """The excuses of node's digest."""
    return list(excuses.gathered(machine.services, catalog, catalog.images[0], DIGEST, staged))


def test_waivers_and_vex_are_gathered_together():
    machine, catalog = a_world(a=openvex(statement()), b=openvex(statement(purl(AMD64), id="C")))

    found = gathered(machine, catalog)

    assert [(each.id, each.source, each.part) for each in found] == [
        ("CVE-1", "waiver", None),
        ("CVE-2026-0001", "vex/a.json", None),
        ("C", "vex/b.json", AMD64),
    ]


def test_what_is_not_in_staging_has_no_platforms_and_no_error():
    machine, catalog = a_world(a=openvex(statement(purl(AMD64)), statement(id="CVE-2")))

    assert [each.id for each in gathered(machine, catalog, None)] == ["CVE-1", "CVE-2"]


@pytest.mark.parametrize("place", ["contosostaging.azurecr.io", "contosobase.azurecr.io/base"])
def test_a_document_may_name_the_image_where_staging_or_base_hold_it(place: str):
    named = openvex(statement(f"pkg:oci/node?repository_url={place}/node"))
    machine, catalog = a_world(a=named)

    assert len(gathered(machine, catalog)) == 2


def test_the_catalogs_order_of_files_decides_between_statements_of_the_same_time():
    yes, no = openvex(statement()), openvex(statement(status="affected"))
    machine, catalog = a_world(yes=yes, no=no)

    assert [each.id for each in gathered(machine, catalog)] == ["CVE-1"]
    turned = replace(catalog, vex=catalog.vex[::-1])
    assert [each.id for each in gathered(machine, turned)] == ["CVE-1", "CVE-2026-0001"]


class Refusing(FakeCatalog):
    """A catalog whose files nobody may read."""

    def file(self, path: str) -> bytes:
        message = f"{path}: asked for"
        raise AssertionError(message)


def test_a_catalog_without_vex_reads_no_file():
    machine, catalog = a_world()
    machine.catalog = Refusing()

    assert [each.id for each in gathered(machine, catalog)] == ["CVE-1"]


def test_a_document_is_parsed_once_per_content(monkeypatch: pytest.MonkeyPatch):
    parsed = list[bytes]()
    read = reading.read

    def counting(name: str, raw: bytes) -> object:
        parsed.append(raw)
        return read(name, raw)

    monkeypatch.setattr(reading, "read", counting)
    machine, catalog = a_world(a=openvex(statement(id="CVE-once")))
    gathered(machine, catalog)
    machine.catalog.files["vex/a.json"] = bytes(bytearray(openvex(statement(id="CVE-once"))))
    gathered(machine, catalog)
    assert len(parsed) == 1

    machine.catalog.files["vex/a.json"] = openvex(statement(id="CVE-twice"))
    assert [each.id for each in gathered(machine, catalog)] == ["CVE-1", "CVE-twice"]
    assert len(parsed) == 2


@pytest.mark.parametrize("raw", [b"", b"{}", openvex(statement(NODE))[:-1]])
def test_a_broken_document_is_the_operators_to_mend_and_nothing_is_judged_without_it(raw: bytes):
    machine, catalog = a_world(good=openvex(statement()), bad=raw)

    with pytest.raises(Misconfigured, match=r"^vex/bad.json: expected .*found.*nothing is judged"):
        gathered(machine, catalog)


def test_a_missing_document_is_the_operators_to_mend():
    machine, catalog = a_world()

    with pytest.raises(Misconfigured, match=r"vex/none\.json"):
        gathered(machine, replace(catalog, vex=("vex/none.json",)))


def test_a_document_that_cannot_be_fetched_now_is_fetched_again_later():
    class Away(FakeCatalog):
        def file(self, path: str) -> bytes:
            message = f"{path}: HTTP 503"
            raise Transient(message)

    machine, catalog = a_world(a=openvex(statement()))
    machine.catalog = Away()

    with pytest.raises(Transient):
        gathered(machine, catalog)


def test_many_documents_are_read_once_each_however_often_a_candidate_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[str] = []
    read = reading.read

    def counted(name: str, raw: bytes) -> object:
        asked.append(name)
        return read(name, raw)

    monkeypatch.setattr(reading, "read", counted)
    many = {f"many{number}": openvex(statement(id=f"CVE-{number}")) for number in range(100)}
    machine, catalog = a_world(**many)

    for _ in range(3):
        assert len(gathered(machine, catalog)) == 101

    assert len(asked) == 100
