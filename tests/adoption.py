"""A base that lived before Breakwater: what somebody pushed there, and how to count what it costs."""

from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.severity import Severity
from tests.builders import a_finding
from tests.fake_registries import FakeRegistries, index
from tests.machine import BASE, PLATFORMS, TAG, Machine


class Counting(FakeRegistries):
    """Registries that count the questions about referrers in base."""

    asked = 0
    hidden: Digest | None = None

    def manifest(self, repository: Repository, reference: str | Digest) -> Manifest | None:
        return None if reference == self.hidden else super().manifest(repository, reference)

    def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        self.asked += repository == BASE
        return super().referrers(repository, digest)


def a_machine() -> tuple[Machine, Counting, Digest]:
    """A machine whose base holds an image that somebody pushed there long ago."""
    machine = Machine()
    registries = Counting(machine.world.clock)
    machine.world.registries = registries
    machine.world.imports._registries = registries
    machine.upstream("white")
    digest = registries.push_index(BASE, TAG, content="old", platforms=PLATFORMS)
    return machine, registries, digest


def adopted(machine: Machine) -> list[tuple[str, ...]]:
    return [each.reasons for each in machine.world.journal.entries if each.event == "adopted"]


def swept(machine: Machine) -> None:
    machine.sweep()
    machine.settle()


def refused(machine: Machine) -> None:
    """Let every platform of the old image have a critical finding."""
    for child in index("old", PLATFORMS)[:-1]:
        machine.findings[child.digest] = [a_finding(severity=Severity.CRITICAL)]
