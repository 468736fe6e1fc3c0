"""`docker run` on the agent: which words are understood, which refused, and what a container is granted."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.tasks import nested, seccomp, spec
from local.tasks.nested import Refused

LOCKED = (
    "--rm --network none --cap-drop ALL --security-opt no-new-privileges --pids-limit 64 --memory 64m --read-only"
    " --tmpfs /tmp --volume vol:/t:ro --entrypoint /bin/sh --env A=b --user 7:8 r.io/a@sha256:1 -c x"
)


@pytest.fixture(autouse=True)
def _agent(monkeypatch):
    monkeypatch.setenv("BREAKWATER_VOLUME", "vol")


def made(
    line: str, config: dict[str, Any] | None = None, rootfs: Path = Path("/nonexistent")
) -> nested.Container:
    return nested.container(nested.parse(line.split()), config or {"Cmd": ["sh"]}, rootfs)


def test_a_locked_down_container_is_granted_nothing():
    container = made(LOCKED)
    config = spec.runtime_config(container, Path("/rootfs"), "/group")
    assert container.argv == ("/bin/sh", "-c", "x")
    assert config["process"]["capabilities"] == {"bounding": [], "effective": [], "permitted": []}
    assert config["process"]["noNewPrivileges"] is True
    assert config["process"]["user"] == {"uid": 7, "gid": 8}
    assert config["root"] == {"path": "/rootfs", "readonly": True}
    assert {"type": "network"} in config["linux"]["namespaces"]
    assert config["linux"]["resources"]["memory"] == {"limit": 64 << 20, "swap": 64 << 20}
    assert config["linux"]["resources"]["pids"] == {"limit": 64}
    sources = [mount["source"] for mount in config["mounts"] if mount["type"] == "bind"]
    assert sources == ["/acb/hosts", "/workspace"]


def test_a_plain_container_gets_docker_s_capabilities_and_no_network():
    container = made("r.io/a:1")
    assert container.capabilities == spec.DEFAULT_CAPABILITIES
    assert (container.network, container.argv, container.read_only) == ("none", ("sh",), False)


def test_words_replace_the_image_s_command_and_an_entry_point_both():
    config = {"Entrypoint": ["/entry"], "Cmd": ["a"], "Env": ["A=1", "B=2"], "WorkingDir": "/w"}
    assert made("i", config).argv == ("/entry", "a")
    assert made("i b", config).argv == ("/entry", "b")
    assert made("--entrypoint /e i", config).argv == ("/e",)
    container = made("--env A=9 i", config)
    assert container.directory == "/w"
    assert set(container.env) == {f"PATH={spec.DEFAULT_PATH}", "A=9", "B=2"}


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("--privileged i", "--privileged"),
        ("--detach i", "--detach"),
        ("-v /etc:/x i", "/etc"),
        ("-v /workspace:/x i", "SharedVolume"),
        ("-v vol:x i", "vol:x"),
        ("--network bridge i", "bridge"),
        ("--security-opt seccomp=unconfined i", "seccomp"),
        ("--cap-add SYS_ADMIN i", "SYS_ADMIN"),
        ("--memory lots i", "lots"),
        ("--pids-limit -1 i", "-1"),
        ("--name", "--name"),
        ("--rm", "image"),
    ],
)
def test_what_the_agent_does_not_play_is_refused_by_name(line, part):
    with pytest.raises(Refused, match=part):
        made(line)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("localhost:5001/base/tools/cssc@sha256:1", True),
        ("localhost:5001/tools/cssc:1", True),
        ("localhost:5001/tools/cssc-evil:1", False),
        ("localhost:5001/mytools/cssc:1", False),
        ("localhost:5001/base/node:1", False),
        ("docker:28-cli", True),
        ("localhost:5001/docker:1", False),
    ],
)
def test_only_a_step_on_the_tool_image_is_played_by_stand_ins(image, expected):
    step = ["--volume", "/var/run/docker.sock:/var/run/docker.sock", image, "x"]
    assert nested.is_tools(nested.parse(step)) is expected
    assert nested.is_tools(nested.parse(["--network", "none", image, "x"])) is False


def test_a_user_is_looked_up_in_the_image_and_never_becomes_root_by_accident(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("app:x:1000:1001:::/sh\nbroken:x:zero:0:::\n")
    (tmp_path / "etc/group").write_text("web:x:33:\n")
    assert spec.identity("", tmp_path) == (0, 0)
    assert spec.identity("app", tmp_path) == (1000, 1001)
    assert spec.identity("1000", tmp_path) == (1000, 1001)
    assert spec.identity("app:web", tmp_path) == (1000, 33)
    assert spec.identity("5", tmp_path) == (5, 0)
    assert spec.identity("broken", tmp_path) == (65534, 65534)


def test_a_passwd_that_links_out_of_the_image_is_not_read(tmp_path):
    outside = tmp_path / "passwd"
    outside.write_text("app:x:1000:1000:::\n")
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").symlink_to(outside)
    assert spec.identity("app", tmp_path / "root") == (65534, 65534)


def test_a_system_call_that_needs_a_capability_is_left_out_without_it(tmp_path):
    rules = [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {}, "excludes": {}},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {
            "names": ["chroot", "clone"],
            "action": "SCMP_ACT_ALLOW",
            "excludes": {"caps": ["CAP_SYS_ADMIN"]},
        },
        {"names": ["s390"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390"]}},
    ]
    file = tmp_path / "seccomp.json"
    file.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}))
    without = seccomp.profile((), file)["seccomp"]["syscalls"]
    having = seccomp.profile(("CAP_SYS_ADMIN",), file)["seccomp"]["syscalls"]
    assert [rule["names"] for rule in without] == [["read"], ["chroot"], ["clone"]]
    assert [rule["names"] for rule in having] == [["read"], ["mount"]]
    assert without[-1]["args"], "a clone that makes namespaces is left out"
    assert seccomp.profile((), tmp_path / "none") == {}
