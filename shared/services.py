"""Every port with its adapter: built in this one place, each when it is first used."""
# ruff: noqa: PLC0415 imports inside functions are what keeps a cold start short

import functools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shared.operators import Operators, Rulings
from shared.ports import (
    Announcements,
    CatalogSource,
    Clock,
    DataPlane,
    Imports,
    Journal,
    Ledger,
    Queues,
    Slots,
    Tasks,
    Upstreams,
)
from shared.settings import Settings
from shared.values import Entry

if TYPE_CHECKING:
    from azure.data.tables import TableClient

    from shared.azure.registries import ArmRegistries

_APP = Path(__file__).resolve().parent.parent  # the folder of function_app.py and catalog.yaml


@dataclass(frozen=True)
class Services:
    """What a handler is given: the settings, and the world behind ports."""

    settings: Settings
    clock: Clock
    data_plane: DataPlane
    upstreams: Upstreams
    imports: Imports
    tasks: Tasks
    queues: Queues
    ledger: Ledger
    journal: Journal
    slots: Slots
    announcements: Announcements
    catalog_source: CatalogSource
    rulings: Rulings
    operators: Operators


class _Silence:
    """Announcements without a topic."""

    def publish(self, entry: Entry) -> None:
        """Publish nothing."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)


@functools.cache
def services() -> Services:
    """Return the process's services. Raises Misconfigured naming every setting that is wrong."""
    return build(Settings.of(os.environ))


def build(settings: Settings) -> Services:
    """Wire adapters to these settings; nothing is imported or connected until it is used."""
    adapters = _Adapters(settings)
    return Services(
        settings=settings,
        clock=adapters.clock,
        data_plane=cast(DataPlane, _Lazy(adapters.data_plane)),
        upstreams=cast(Upstreams, _Lazy(adapters.upstreams)),
        imports=cast(Imports, _Lazy(adapters.imports)),
        tasks=cast(Tasks, _Lazy(adapters.tasks)),
        queues=cast(Queues, _Lazy(adapters.queues)),
        ledger=cast(Ledger, _Lazy(adapters.ledger)),
        journal=cast(Journal, _Lazy(adapters.journal)),
        slots=cast(Slots, _Lazy(adapters.slots)),
        announcements=cast(Announcements, _Lazy(adapters.announcements)),
        catalog_source=cast(CatalogSource, _Lazy(adapters.catalog_source)),
        rulings=cast(Rulings, _Lazy(adapters.rulings)),
        operators=cast(Operators, _Lazy(adapters.operators)),
    )


class _Lazy:
    """Stands for an adapter and makes it, once, when one of its methods is first asked for."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._made: object = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 the port's own type says more
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)


class _Adapters:
    """Makes each adapter; the imports stand inside because they are what a cold start pays for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registries: ArmRegistries | None = None
        self._lock = threading.Lock()
        self.clock = SystemClock()

    def data_plane(self) -> DataPlane:
        from shared.azure.identity import tokens_for
        from shared.registry.data_plane import AcrDataPlane

        return AcrDataPlane(tokens_for(self._settings.acr_audience))

    def upstreams(self) -> Upstreams:
        from shared.registry.watcher import UpstreamWatcher

        settings = self._settings

        def entra() -> str:
            from shared.azure.identity import tokens_for

            return tokens_for(settings.acr_audience)()

        return UpstreamWatcher(
            settings.credentials, concurrency=settings.upstream_concurrency, entra=entra
        )

    def imports(self) -> Imports:
        from shared.azure.identity import credential, tokens_for
        from shared.azure.imports import ArmImports
        from shared.azure.registries import arm_client

        settings = self._settings
        client = arm_client(credential(), settings.subscription, settings.arm_endpoint)

        def entra() -> str:
            return tokens_for(settings.acr_audience)()

        return ArmImports(
            client, self._arm_registries(), settings.arm_endpoint, settings.credentials, entra
        )

    def tasks(self) -> Tasks:
        from shared.azure.identity import credential
        from shared.azure.tasks import AcrTasks, tasks_client

        settings = self._settings
        client = tasks_client(credential(), settings.subscription, settings.arm_endpoint)
        return AcrTasks(
            client, self._arm_registries(), scan=settings.scan_task, test=settings.test_task
        )

    def queues(self) -> Queues:
        from shared.azure.identity import credential
        from shared.azure.queues import StorageQueues

        return StorageQueues(self._settings.queue_endpoint, credential())

    def ledger(self) -> Ledger:
        from shared.azure.ledger import TableLedger

        return TableLedger(self._table("ledger"))

    def journal(self) -> Journal:
        from shared.azure.journal import TableJournal

        return TableJournal(self._table("journal"))

    def slots(self) -> Slots:
        from shared.azure.slots import TableSlots

        return TableSlots(self._table("slots"), self.clock.now)

    def announcements(self) -> Announcements:
        if not self._settings.events_topic_endpoint:
            return _Silence()
        from shared.azure.events import TopicAnnouncements
        from shared.azure.identity import credential

        return TopicAnnouncements(self._settings.events_topic_endpoint, credential())

    def catalog_source(self) -> CatalogSource:
        from shared.registry.catalog_source import CatalogFiles

        return CatalogFiles(self._settings.catalog_url, _APP)

    def rulings(self) -> Rulings:
        from shared.azure.rulings import TableRulings

        return TableRulings(self._table("rulings"))

    def operators(self) -> Operators:
        from shared.entra.directory import EntraOperators

        settings = self._settings
        return EntraOperators(
            tenant=settings.entra_tenant_id,
            audience=settings.entra_audience,
            authority=settings.entra_authority,
            clock=self.clock,
        )

    def _table(self, name: str) -> "TableClient":
        from shared.azure.identity import credential
        from shared.azure.tables import service

        return service(self._settings.table_endpoint, credential()).get_table_client(name)

    def _arm_registries(self) -> "ArmRegistries":
        """One list of registries for imports and tasks."""
        from shared.azure.identity import credential
        from shared.azure.registries import ArmRegistries, arm_client

        with self._lock:
            if self._registries is None:
                settings = self._settings
                client = arm_client(credential(), settings.subscription, settings.arm_endpoint)
                self._registries = ArmRegistries(client, settings.subscription)
            return self._registries
