"""The tasks as they are deployed, run to their end with the stand-ins and the machine's own jq."""

import json
import shutil
from pathlib import Path

from local.tasks.runner import Runner
from shared.oci.digest import Digest
from shared.oci.manifest import parse
from shared.policy.untested import untested
from tests.contract.tasks_world import TOOLS, World, in_world

TASKS = Path(__file__).parents[2] / "infra/tasks"
ADVISORIES = Path(__file__).parents[2] / "local/advisories"
YAML = (TASKS / "test.yaml").read_text("utf-8")


async def outcome(world: World, script: str, digest: str = "") -> tuple[str, str]:
    """Run the task; return the run's status, and why it is no verdict."""
    about = Digest(digest or world.base_digest)
    values = {
        "repository": "base/node",
        "digest": str(about),
        "platform": "linux/amd64",
        "candidate": "0123456789abcdef" * 2,
        "seconds": "120",
    }
    yaml = YAML.replace("{tools}", world.tools_image)
    context = {"test.sh": script}
    result = await world.run(yaml, values, context=context, config=world.pull_config)
    return result.status, untested(world.text, about)


def test_only_a_run_that_started_the_image_is_a_verdict_about_it():
    async def story(world: World):
        assert await outcome(world, "echo fine") == ("Succeeded", ""), world.text
        assert "test: fine" in world.lines
        assert await outcome(world, "printf red; exit 7") == ("Failed", ""), world.text
        assert "the test failed with exit status 7" in world.lines
        forged = f"sha256:{'0' * 64}"
        status, why = await outcome(world, "exit 0", forged)
        assert (status, why) == ("Failed", "it ended before the image was started"), world.text
        lie = f"echo breakwater-lost {world.base_digest}; exit 1"
        assert await outcome(world, lie) == ("Failed", ""), world.text

    in_world(story)


async def scanned(world: World) -> str:
    """Scan the base image; return the run's status."""
    values = {
        "repository": "base/node",
        "digest": world.base_digest,
        "platform": "linux/amd64",
        "candidate": "0123456789abcdef" * 2,
        "seconds": "60",
    }
    yaml = (TASKS / "scan.yaml").read_text("utf-8").replace("{tools}", world.tools_image)
    return (await world.run(yaml, values)).status


def test_a_report_tells_how_old_its_database_was_as_a_file_beside_the_advisories_says(tmp_path):
    advisories = tmp_path / "advisories"
    shutil.copytree(ADVISORIES, advisories)
    metadata = advisories / "metadata.json"

    async def story(world: World):
        told = {"BREAKWATER_ADVISORIES": str(advisories)}
        files = world.folder / "ca.pem", TOOLS, world.folder / "work"
        world.runner = Runner(world.engine, *files, told)
        metadata.write_text('{"UpdatedAt": "2026-11-01T00:00:00Z"}')
        assert await scanned(world) == "Succeeded", world.text
        named = next(line for line in world.lines if line.startswith("breakwater-report "))
        manifest = world.registry.manifest("base/node", named.split()[1])
        assert manifest is not None
        (layer,) = parse(manifest.raw).layers
        report = json.loads(world.registry.blob("base/node", str(layer.digest)) or b"")
        assert report["Trivy"]["VulnerabilityDB"]["UpdatedAt"] == "2026-11-01T00:00:00Z"
        assert report["Trivy"]["Version"]
        metadata.write_text("{}")
        assert await scanned(world) == "Failed", world.text
        assert "breakwater-report" not in world.text

    in_world(story)
