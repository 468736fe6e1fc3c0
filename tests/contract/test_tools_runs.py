"""The test task as it is deployed, run to its end: what its log says about a run that failed."""

from pathlib import Path

from shared.oci.digest import Digest
from shared.policy.untested import untested
from tests.contract.tasks_world import World, in_world

YAML = (Path(__file__).parents[2] / "infra/tasks/test.yaml").read_text("utf-8")


async def outcome(world: World, script: str, digest: str = "") -> tuple[str, str]:
    """Run the task; return the run's status, and why it is no verdict."""
    about = Digest(digest or world.base_digest)
    values = {
        "repository": "base/node",
        "digest": str(about),
        "platform": "linux/amd64",
        "candidate": "0123456789abcdef" * 2,
        "seconds": "20",
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
