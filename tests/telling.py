"""A machine whose runs say what a test tells them to say."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.oci.digest import Digest
from shared.values import ScanRequest, TestRequest
from tests.fakes import index
from tests.machine import PLATFORMS, Machine

AMD64, ARM64 = (each.digest for each in index("white", PLATFORMS)[:-1])


@dataclass
class Telling(Machine):
    """A machine whose scan runs say what they are told to say."""

    says: Callable[[Machine, ScanRequest], str] | None = None
    tests_say: str = "fine\n"

    def test_log(self, request: TestRequest) -> str:
        return f"breakwater-test {request.digest}\n{self.tests_say}"

    def _end(self, run_id: str, request: ScanRequest | TestRequest) -> None:
        registry = request.repository.registry
        if isinstance(request, TestRequest):
            self.world.tasks.finish(registry, run_id, log=self.test_log(request))
        elif self.says is not None:
            self.world.tasks.finish(registry, run_id, log=self.says(self, request))
        else:
            super()._end(run_id, request)


def looked_at(machine: Machine) -> Digest:
    digest = machine.upstream("white")
    machine.watch()
    machine.settle()
    return digest
