"""What an image under test can reach from its cage, and where a task's own shell acts."""

import asyncio
from pathlib import Path

import pytest

from tests.contract.tasks_world import World, in_world, processes_with

NESTED = """
version: v1.1.0
steps:
  - id: nested
    timeout: 120
    cmd: >
      TOOLS docker run --rm --network none --cap-drop ALL --security-opt no-new-privileges --pids-limit 32
      --memory 48m --read-only --tmpfs /tmp --volume {{.Run.SharedVolume}}:/t:ro --entrypoint /bin/sh
      '{{.Run.Registry}}/base/node@{{.Values.digest}}' /t/test.sh
"""

PROBES = r"""
port=$(cat /t/port)
nc -w 1 127.0.0.1 "$port" </dev/null && echo LEAK network of the host
nc -w 1 169.254.169.254 80 </dev/null && echo LEAK identity endpoint
ip addr | grep -q eth && echo LEAK interfaces
for path in /acb/home/.docker/config.json /root/.docker/config.json /var/run/docker.sock /run/docker.sock /acb \
  /workspace SECRET /proc/1/root/acb /dev/vda /dev/sda; do
  test -e "$path" && echo "LEAK $path"
done
env | grep -iE 'auth|token|docker_config|identity' && echo LEAK environment
cat /proc/[0-9]*/environ 2>/dev/null | grep -a '[B]REAKWATER' && echo LEAK agent environment
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -aE '[b]uildah|[a]gent.sh' && echo LEAK processes
touch /x 2>/dev/null && echo LEAK writable root
touch /t/x 2>/dev/null && echo LEAK writable context
mount -t tmpfs x /tmp 2>/dev/null && echo LEAK mount
mknod /tmp/vda b 8 0 2>/dev/null && echo LEAK mknod
unshare -r true 2>/dev/null && echo LEAK user namespace
chroot / true 2>/dev/null && echo LEAK chroot
grep -q '^CapEff:.0*$' /proc/self/status || echo LEAK capabilities
grep -q '^CapBnd:.0*$' /proc/self/status || echo LEAK bounding capabilities
grep -q '^NoNewPrivs:.1$' /proc/self/status || echo LEAK privileges
touch /tmp/y || echo WRONG tmp
(httpd -p 8080 -h /etc; wget -qO- http://localhost:8080/os-release >/dev/null) || echo WRONG loopback
echo "done $BACKGROUND_COLOR"
"""


async def listener() -> asyncio.Server:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nsecret")
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.parametrize("engine", ["", "chroot"])
def test_a_nested_container_reaches_no_network_credentials_socket_or_host(engine):
    async def story(world: World):
        server = await listener()
        async with server:
            port = str(server.sockets[0].getsockname()[1])
            script = PROBES.replace("SECRET", str(world.folder / "secret.txt"))
            context = {"test.sh": script, "port": port}
            result = await world.run(
                NESTED, {"digest": world.base_digest}, context=context, config=world.pull_config
            )
        assert result.status == "Succeeded", world.text
        said = [line for line in world.lines if line.startswith(("LEAK", "WRONG", "done"))]
        assert said == ["done white"], world.text

    in_world(story, engine=engine)


@pytest.mark.parametrize("engine", ["", "chroot"])
def test_memory_and_processes_of_a_nested_container_are_limited(engine):
    async def story(world: World):
        eat = "dd if=/dev/zero of=/tmp/big bs=1M count=100 2>/dev/null; echo wrote $?"
        await world.run(NESTED, {"digest": world.base_digest}, context={"test.sh": eat})
        assert "wrote 0" not in world.lines
        fork = "for i in $(seq 60); do sleep 300 & done; echo all forked"
        await world.run(NESTED, {"digest": world.base_digest}, context={"test.sh": fork})
        assert "all forked" not in world.lines
        assert "fork" in world.text

    in_world(story, engine=engine)


def test_a_candidate_named_like_the_tool_image_gets_a_cage_too():
    async def story(world: World):
        yaml = NESTED.replace("/base/node@", "/tools/cssc@")
        result = await world.run(
            yaml, {"digest": world.base_digest}, context={"test.sh": "echo on the agent"}
        )
        assert result.status == "Failed"
        assert "Unable to find image" in world.text
        assert "on the agent" not in world.lines

    in_world(story)


def test_the_image_itself_as_a_step_would_hold_socket_and_credentials():
    async def story(world: World):
        """Why design §2.8 forbids it: the runner plays Azure's mounts, so naive YAML shows."""
        check = (
            "test -S /var/run/docker.sock && test -s /acb/home/.docker/config.json && echo owned"
        )
        yaml = f"""
steps:
  - id: naive
    cmd: "{{{{.Run.Registry}}}}/base/node:9-alpine sh -c '{check}'"
"""
        result = await world.run(yaml)
        assert (result.status, "owned" in world.lines) == ("Succeeded", True), world.text

    in_world(story)


def test_an_unvalidated_value_breaks_out_into_the_agent_s_shell_and_no_further():
    async def story(world: World):
        yaml = "steps: [{cmd: \"TOOLS echo 'got {{.Values.x}}'\"}, {cmd: TOOLS ls /}]"
        result = await world.run(yaml, {"x": "'; touch /pwned; echo 'bitten as' $(id -un); '"})
        assert "bitten as root" in world.text, "the local shell must bite as Azure's does"
        assert result.status == "Failed"  # '' is no command: the line went on after the break-out
        for place in ("/pwned", str(world.folder / "pwned")):
            assert not await asyncio.to_thread(_exists, place)

    in_world(story)


def test_the_agent_cannot_write_to_the_host_nor_see_its_files():
    async def story(world: World):
        secret = world.folder / "secret.txt"
        await world.run(f"""
steps:
  - cmd: "TOOLS sh -c 'touch /usr/bw-x /etc/bw-x; cat {secret}; ls /home /srv; echo $0 | grep . ; ps -e | wc -l'"
    ignoreErrors: true
""")
        assert "of the host" not in world.text
        assert world.text.count("Read-only file system") == 2
        assert not await asyncio.to_thread(_exists, "/usr/bw-x")

    in_world(story)


def test_credentials_never_stand_on_a_command_line():
    async def story(world: World):
        auth = next(iter(world.push_config["auths"].values()))["auth"]
        seen: list[str] = []

        async def watch() -> None:
            while True:
                seen.extend(await asyncio.to_thread(processes_with, auth[:40]))
                await asyncio.sleep(0.02)

        watcher = asyncio.create_task(watch())
        yaml = "steps: [{cmd: '{{.Run.Registry}}/base/node:9-alpine sleep 0.5'}]"
        result = await world.run(yaml)
        watcher.cancel()
        assert (result.status, seen) == ("Succeeded", [])

    in_world(story)


def _exists(path: str) -> bool:
    return Path(path).exists()
