"""Task runs on a real engine against a real registry: building, pushing, failing, being killed."""

import asyncio
import os
import subprocess
import sys

import pytest

from tests.contract.tasks_world import (
    TOOLS,
    World,
    assert_nothing_left,
    in_world,
    logged_json,
    processes_with,
)
from tests.contract.waiting import eventually

LONG = f"sleep {86_400 + os.getpid()}"  # as no other worker's tests sleep
DOCKERFILE = """ARG REGISTRY
FROM $REGISTRY/base/node:9-alpine
ARG COLOR=red
RUN echo $COLOR > /color
CMD cat /color
"""
BUILD = """
version: v1.1.0
steps:
  - id: build
    build: >-
      -t $Registry/apps/hello:$ID -t $Registry/apps/hello:latest
      --build-arg REGISTRY=$Registry --build-arg COLOR='deep sky' .
  - id: push
    push: ["$Registry/apps/hello:$ID", "apps/hello"]
    retryDelay: 1
  - id: show
    cmd: $Registry/apps/hello:$ID > /workspace/shown
  - id: shown
    cmd: TOOLS cat /workspace/shown
"""


def test_an_image_is_built_pushed_and_run_and_its_base_is_recorded():
    async def story(world: World):
        result = await world.run(BUILD, context={"Dockerfile": DOCKERFILE})
        assert result.status == "Succeeded", world.text
        assert "deep sky" in world.lines
        manifest = world.registry.manifest("apps/hello", world.run_id)
        assert manifest is not None
        found = [(each.repository, each.tag, each.digest) for each in result.output_images]
        digest = str(manifest.digest)
        assert found == [("apps/hello", world.run_id, digest), ("apps/hello", "latest", digest)]
        (base,) = result.dependencies
        assert (base.type, base.registry, base.repository, base.tag, base.digest) == (
            "RunTime", world.server, "base/node", "9-alpine", world.base_digest,
        )  # fmt: skip
        assert logged_json(world)[0]["runtime-dependency"]["digest"] == world.base_digest
        assert not any(
            "Copying blob" in line or "Storing signatures" in line for line in world.lines
        )

    in_world(story)


def test_a_run_that_may_only_pull_is_refused_when_it_pushes():
    async def story(world: World):
        yaml = BUILD.partition("  - id: show")[0].replace(
            "retryDelay: 1", "retryDelay: 1\n    timeout: 3"
        )
        result = await world.run(yaml, context={"Dockerfile": DOCKERFILE}, config=world.pull_config)
        assert result.status == "Failed"
        assert "step ID: push" in result.error
        assert world.registry.manifest("apps/hello", world.run_id) is None
        assert result.output_images == ()

    in_world(story)


def test_a_run_without_credentials_cannot_pull_its_base():
    async def story(world: World):
        result = await world.run(BUILD, context={"Dockerfile": DOCKERFILE}, config={"auths": {}})
        assert result.status == "Failed"
        assert "step ID: build" in result.error

    in_world(story)


def test_exit_codes_ignored_errors_and_retries():
    async def story(world: World):
        result = await world.run("""
steps:
  - {id: seven, cmd: "TOOLS sh -c 'exit 7'", ignoreErrors: true}
  - id: third
    cmd: TOOLS sh -c 'echo try >> /workspace/tries; test $(wc -l < /workspace/tries) -ge 3'
    retries: 2
    retryDelay: 1
  - {id: five, cmd: "TOOLS sh -c 'exit 5'"}
  - {id: never, cmd: "TOOLS echo never"}
""")
        assert (result.status, result.error) == (
            "Failed",
            "failed during run, err: failed to run step ID: five: exit status 5",
        )
        assert "Exit status: 7" in world.text
        assert world.text.count("Launching container with name: third") == 3
        assert "never" not in world.lines
        assert world.lines[-1].endswith("Step ID: never marked as skipped")

    in_world(story)


def test_steps_that_wait_for_nothing_run_side_by_side():
    async def story(world: World):
        result = await world.run("""
steps:
  - {id: a, cmd: "TOOLS sh -c 'until test -e /workspace/b; do sleep 0.05; done'", timeout: 120}
  - {id: b, cmd: "TOOLS touch /workspace/b", when: ["-"]}
""")
        assert result.status == "Succeeded", world.text

    in_world(story)


@pytest.mark.parametrize("engine", ["", "chroot"])
def test_a_step_out_of_time_leaves_no_process_and_no_mount(engine):
    async def story(world: World):
        result = await world.run(
            """
steps:
  - id: slow
    timeout: 12
    cmd: TOOLS docker run --rm {{.Run.Registry}}/base/node:9-alpine sh -c 'trap "" TERM; echo up; LONG & wait'
""".replace("LONG", LONG)
        )
        assert result.status == "Failed"  # and not Timeout: the run went on to its own end
        assert result.error.endswith("step ID: slow: timed out after 12s")
        assert "up" in world.lines
        assert_nothing_left(world)
        assert processes_with(LONG) == []

    in_world(story, engine=engine)


def test_a_run_out_of_time_ends_as_timeout():
    async def story(world: World):
        result = await world.run(f"steps: [{{cmd: TOOLS {LONG}}}]", timeout=1)
        assert result.status == "Timeout"
        assert processes_with(LONG) == []

    in_world(story)


def test_a_cancelled_run_is_gone_before_the_cancellation_goes_on():
    async def story(world: World):
        running = asyncio.create_task(
            world.run(f"steps: [{{cmd: \"TOOLS sh -c 'echo up; {LONG}'\"}}]")
        )
        while "up" not in world.lines:  # noqa: ASYNC110 - the log has no event to wait for
            await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert_nothing_left(world)
        assert processes_with(LONG) == []

    in_world(story)


def test_a_wrong_task_file_fails_the_run_and_says_why():
    async def story(world: World):
        result = await world.run("steps: [{id: a, cmd: x, tiemout: 3}]")
        assert result.status == "Failed"
        assert "step a" in result.error
        assert "'tiemout'" in result.error

    in_world(story)


@pytest.mark.parametrize("engine", ["", "chroot"])
def test_exit_codes_of_a_nested_container_come_through_as_docker_s(engine):
    async def story(world: World):
        image = "{{.Run.Registry}}/base/node:9-alpine"
        script = f"""
docker run {image} sh -c "exit 7"; echo own $?
docker run {image} /no/such/command; echo missing $?
docker run {{{{.Run.Registry}}}}/base/absent:1 true; echo absent $?
docker run --privileged {image} true; echo refused $?
timeout -k 1 1 docker run {image} sleep 86395 | cat; echo killed
"""
        await world.run(f"""
steps:
  - id: codes
    timeout: 120
    entryPoint: /bin/sh
    cmd: |
      TOOLS -c '{script.replace(chr(10), "; ").strip("; ")}'
""")
        said = [
            line
            for line in world.lines
            if line.split()[0] in ("own", "missing", "absent", "refused", "killed")
        ]
        assert said == ["own 7", "missing 127", "absent 125", "refused 125", "killed"], world.text

    in_world(story, engine=engine)


def test_a_runner_that_is_killed_takes_its_run_with_it(tmp_path):
    program = f"""
import asyncio, pathlib
from local.tasks.engine import Engine, Equipment, agent

async def log(line): print(line, flush=True)

async def main():
    equipment = Equipment(Engine("chroot"), pathlib.Path({str(TOOLS)!r}), pathlib.Path({str(tmp_path)!r}))
    async with agent(equipment, "ct1", {{}}) as machine:
        await machine.shell("echo up; {LONG} & {LONG}", log)

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=TOOLS.parents[1]
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert processes_with(LONG) != []
        process.kill()
        process.wait()
        process.stdout.read()
    eventually(lambda: processes_with(LONG) == [])


def test_the_docker_image_s_verbs_act_on_the_run_s_own_store():
    async def story(world: World):
        result = await world.run("""
steps:
  - cmd: docker pull {{.Run.Registry}}/base/node:9-alpine
  - cmd: docker tag {{.Run.Registry}}/base/node:9-alpine {{.Run.Registry}}/copied/node:{{.Run.ID}}
  - cmd: docker push {{.Run.Registry}}/copied/node:{{.Run.ID}}
""")
        assert result.status == "Succeeded", world.text
        assert world.registry.manifest("copied/node", world.run_id) is not None
        assert (result.output_images, result.dependencies) == ((), ()), (
            "Azure lists build steps only"
        )

    in_world(story)
