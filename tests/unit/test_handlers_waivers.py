"""Telling of waivers that end: once in the last week, once after, whatever runs twice or late."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from handlers import waivers
from shared.catalog import Catalog, Waiver
from shared.values import Entry
from tests.builders import a_catalog
from tests.fake_clock import FakeClock
from tests.fakes import FakeAnnouncements, World, world
from tests.vexes import openvex, statement

WAIVER = Waiver("CVE-2026-0001", "node", "not reachable", "a@contoso.com", date(2026, 12, 31))
SOON, EXPIRED = "waiver expires soon", "waiver expired"


def a_world(*given: Waiver, at: datetime) -> tuple[World, Catalog]:
    """A world at this time, with these waivers."""
    machine = world()
    machine.clock = FakeClock(at)
    return machine, replace(a_catalog(), waivers=given or (WAIVER,))


def report(machine: World, catalog: Catalog) -> list[str]:
    """Report, and return the events that are in the journal now; each was announced."""
    waivers.report(machine.services, catalog, "ab" * 8)
    assert machine.announcements.published == machine.journal.entries
    return [each.event for each in machine.journal.entries]


def test_each_is_told_once_in_its_last_week_and_once_after_it():
    machine, catalog = a_world(at=datetime(2026, 12, 24, 23, 59, tzinfo=UTC))
    assert report(machine, catalog) == []

    machine.clock.advance(minutes=1)
    assert report(machine, catalog) == [SOON]
    machine.clock.advance(days=6, hours=23)
    assert report(machine, catalog) == [SOON]

    machine.clock.advance(hours=1)
    assert report(machine, catalog) == [SOON, EXPIRED]
    machine.clock.advance(days=400)
    assert report(machine, catalog) == [SOON, EXPIRED]


def test_it_is_told_what_ends_when_and_whom_to_ask():
    package = replace(WAIVER, package="openssl")
    machine, catalog = a_world(package, at=datetime(2026, 12, 30, tzinfo=UTC))
    report(machine, catalog)
    machine.clock.advance(days=2)
    report(machine, catalog)

    soon, expired = machine.journal.entries
    assert soon.reasons == (
        "the waiver of CVE-2026-0001 in openssl of node (not reachable; a@contoso.com) holds until the "
        "end of 2026-12-31 (UTC): then the finding counts again; set a later day, or fix it",
    )
    assert expired.reasons == (
        "the waiver of CVE-2026-0001 in openssl of node (not reachable; a@contoso.com) held until the "
        "end of 2026-12-31 (UTC): the finding counts again",
    )
    assert (soon.image, soon.digest, soon.trace) == ("node", "", "ab" * 8)


def test_late_only_the_end_is_told():
    machine, catalog = a_world(at=datetime(2027, 6, 1, tzinfo=UTC))

    assert report(machine, catalog) == [EXPIRED]


def test_a_glob_is_no_image_of_the_journal():
    machine, catalog = a_world(replace(WAIVER, image="no*"), at=datetime(2027, 1, 1, tzinfo=UTC))
    report(machine, catalog)

    assert machine.journal.entries[0].image == ""
    assert " in no* (" in machine.journal.entries[0].reasons[0]


def test_another_day_or_another_package_is_another_waiver_and_another_reason_is_not():
    machine, catalog = a_world(at=datetime(2026, 12, 30, tzinfo=UTC))
    assert report(machine, catalog) == [SOON]

    changed = replace(WAIVER, reason="still not reachable", owner="b@contoso.com")
    assert report(machine, replace(catalog, waivers=(changed,))) == [SOON]
    later = replace(WAIVER, expires=date(2027, 1, 2))
    assert report(machine, replace(catalog, waivers=(later,))) == [SOON, SOON]
    other = replace(WAIVER, package="openssl")
    assert report(machine, replace(catalog, waivers=(later, other))) == [SOON] * 3


@pytest.mark.parametrize("other", [{"id": "CVE-2026-0002"}, {"image": "python"}])
def test_two_waivers_that_end_on_one_day_are_both_told(other: dict[str, str]):
    both = (WAIVER, replace(WAIVER, **other))  # type: ignore[arg-type]  # a table of fields
    machine, catalog = a_world(*both, at=datetime(2026, 12, 30, tzinfo=UTC))

    assert report(machine, catalog) == [SOON, SOON]
    assert report(machine, catalog) == [SOON, SOON]


def test_what_has_been_said_is_kept_with_its_event():
    machine, catalog = a_world(at=datetime(2026, 12, 30, tzinfo=UTC))
    report(machine, catalog)

    [row] = machine.ledger.rows("waivers")
    said = machine.journal.entries[0].reasons[0]
    assert row.values == {"event": SOON, "said": said}


def test_two_faults_of_one_day_in_vex_documents_are_both_told():
    machine, catalog = a_world(
        replace(WAIVER, expires=date(2028, 1, 1)), at=datetime(2026, 12, 1, tzinfo=UTC)
    )
    catalog = replace(catalog, vex=("vex/a.json",))
    for broken in (b"{", b"[]"):
        machine.catalog.files["vex/a.json"] = broken
        report(machine, catalog)

    assert [each.event for each in machine.journal.entries] == ["vex unreadable"] * 2


def test_dying_before_it_was_noted_tells_again_and_journals_once():
    class Dying(FakeAnnouncements):
        def publish(self, entry: Entry) -> None:
            super().publish(entry)
            raise KeyboardInterrupt

    machine, catalog = a_world(at=datetime(2026, 12, 30, tzinfo=UTC))
    machine.announcements = Dying()
    with pytest.raises(KeyboardInterrupt):
        waivers.report(machine.services, catalog, "ab" * 8)

    machine.announcements = FakeAnnouncements()
    waivers.report(machine.services, catalog, "cd" * 8)

    assert len(machine.journal.entries) == 1
    assert len(machine.announcements.published) == 1


def test_a_broken_vex_document_is_told_once_a_day_until_it_can_be_read():
    machine, catalog = a_world(
        replace(WAIVER, expires=date(2028, 1, 1)), at=datetime(2026, 12, 1, tzinfo=UTC)
    )
    catalog = replace(catalog, vex=("vex/a.json",))
    machine.catalog.files["vex/a.json"] = b"{"

    assert report(machine, catalog) == ["vex unreadable"]
    machine.clock.advance(hours=23)
    assert report(machine, catalog) == ["vex unreadable"]
    machine.clock.advance(hours=1)
    assert report(machine, catalog) == ["vex unreadable"] * 2
    assert machine.journal.entries[0].reasons[0].startswith("vex/a.json: expected a VEX document")

    machine.clock.advance(days=1)
    machine.catalog.files["vex/a.json"] = openvex(statement())
    assert len(report(machine, catalog)) == 2


def test_a_broken_vex_document_does_not_keep_waivers_from_being_told():
    machine, catalog = a_world(at=datetime(2026, 12, 30, tzinfo=UTC))

    assert report(machine, replace(catalog, vex=("vex/none.json",))) == [SOON, "vex unreadable"]
