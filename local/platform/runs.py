"""The task runner as the local Azure sets it up, or its honest absence."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.platform.ca import Authority
from local.tasks import probe
from local.tasks.engine import Engine
from local.tasks.runner import Runner, RunResult, RunSpec

TOOLS = Path(__file__).resolve().parents[1] / "tools"


class NoRuns:
    """Stands where no container engine was wanted."""

    async def run(self, spec: RunSpec, log: Callable[[str], Any]) -> RunResult:
        """End the run at once, and say why."""
        message = f"{spec.task_name or spec.run_id}: this local Azure was started without runs"
        await log(message)
        return RunResult("Error", message, (), ())


async def runner(
    work: Path, authority: Authority, *, forced: str = "", advisories: Path | None = None
) -> tuple[Runner, str]:
    """Choose a container engine by a real probe; return the runner and which engine it was.

    Raises Misconfigured with everything that is missing.
    """
    engine = await probe.choose(forced=forced)
    return _equipped(engine, work, authority, advisories), str(engine)


def _equipped(engine: Engine, work: Path, authority: Authority, advisories: Path | None) -> Runner:
    sboms = Path(os.environ.get("BREAKWATER_SBOM_CACHE") or work / "sboms")
    folder = work / "runs"
    for each in (sboms, folder):
        each.mkdir(parents=True, exist_ok=True)
    environment = {"BREAKWATER_SBOM_CACHE": str(sboms.resolve())}
    if advisories is not None:
        environment["BREAKWATER_ADVISORIES"] = str(advisories.resolve())
    return Runner(
        engine=engine,
        ca_bundle=authority.bundle,
        tools=TOOLS,
        work=folder,
        environment=environment,
    )
