"""The world in memory: every fake, and all of them together as services."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import Misconfigured
from shared.services import Services
from shared.settings import Settings
from shared.values import Entry
from tests.fake_clock import FakeClock
from tests.fake_operators import FakeOperators, FakeRulings
from tests.fake_registries import FakeRegistries, image, index
from tests.fake_storage import FakeJournal, FakeLedger, FakeQueues, FakeSlots, Sent
from tests.fake_tasks import FakeTasks
from tests.fake_upstreams import FakeImports, FakeUpstreams

__all__ = [
    "FakeAnnouncements",
    "FakeCatalog",
    "FakeClock",
    "FakeImports",
    "FakeJournal",
    "FakeLedger",
    "FakeOperators",
    "FakeQueues",
    "FakeRegistries",
    "FakeRulings",
    "FakeSlots",
    "FakeTasks",
    "FakeUpstreams",
    "Sent",
    "World",
    "image",
    "index",
    "world",
]


class FakeAnnouncements:
    """Announcements as a list."""

    def __init__(self) -> None:
        self.published: list[Entry] = []

    def publish(self, entry: Entry) -> None:
        self.published.append(entry)


class FakeCatalog:
    """CatalogSource from a text and a dict of files."""

    def __init__(self, text: str = "", files: Mapping[str, bytes] | None = None) -> None:
        self.text = text
        self.files = dict(files or {})

    def catalog(self) -> tuple[str, str]:
        return "catalog.yaml", self.text

    def file(self, path: str) -> bytes:
        if path not in self.files:
            message = f"catalog.yaml: expected a file {path!r} beside it"
            raise Misconfigured(message)
        return self.files[path]


@dataclass
class World:
    """Every fake, typed as itself; `services` hands them to a handler."""

    clock: FakeClock
    registries: FakeRegistries
    upstreams: FakeUpstreams
    imports: FakeImports
    tasks: FakeTasks
    queues: FakeQueues
    ledger: FakeLedger
    journal: FakeJournal
    slots: FakeSlots
    announcements: FakeAnnouncements
    catalog: FakeCatalog
    rulings: FakeRulings
    operators: FakeOperators
    settings: Settings

    @property
    def services(self) -> Services:
        return Services(
            settings=self.settings,
            clock=self.clock,
            data_plane=self.registries,
            upstreams=self.upstreams,
            imports=self.imports,
            tasks=self.tasks,
            queues=self.queues,
            ledger=self.ledger,
            journal=self.journal,
            slots=self.slots,
            announcements=self.announcements,
            catalog_source=self.catalog,
            rulings=self.rulings,
            operators=self.operators,
        )


def world(catalog: str = "", files: Mapping[str, bytes] | None = None) -> World:
    """Return an empty world with this catalog."""
    clock = FakeClock()
    registries, upstreams = FakeRegistries(clock), FakeUpstreams()
    return World(
        clock=clock,
        registries=registries,
        upstreams=upstreams,
        imports=FakeImports(upstreams, registries),
        tasks=FakeTasks(clock),
        queues=FakeQueues(),
        ledger=FakeLedger(),
        journal=FakeJournal(),
        slots=FakeSlots(clock),
        announcements=FakeAnnouncements(),
        catalog=FakeCatalog(catalog, files),
        rulings=FakeRulings(),
        operators=FakeOperators(),
        settings=Settings(
            subscription="00000000-0000-0000-0000-0000000000bb",
            queue_endpoint="https://storage.invalid/queue",
            table_endpoint="https://storage.invalid/table",
            blob_endpoint="https://storage.invalid/blob",
        ),
    )
