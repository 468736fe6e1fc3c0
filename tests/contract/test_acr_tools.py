"""skopeo and buildah work against the registry as they are."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.images import ApkPackage, Built, image, push
from tests.contract.acr_world import World, world
from tests.contract.serving import ca_folder
from tests.contract.waiting import PATIENCE

REPO = "library/node"
CERTS = str(ca_folder())


class Tools:
    """A user's machine: a home of its own, and a login for some of the people."""

    def __init__(self, home: Path) -> None:
        self.home = home
        policy = home / ".config/containers/policy.json"
        policy.parent.mkdir(parents=True)
        policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self.logins: dict[str, object] = {}

    def login(self, here: World, who: str) -> None:
        """Log in as ACR has machines do it: the null user with a refresh token."""
        server = here.registry.login_server
        self.logins[server] = {"auth": here.directory.docker_auth(here.people[who], server)}

    def identity_token(self, here: World, who: str) -> None:
        """Log in with an identity token, which clients POST to the token endpoint."""
        token = here.registry.authority.refresh_token(here.people[who])
        user = "MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOg=="  # the null user, no password
        self.logins[here.registry.login_server] = {"auth": user, "identitytoken": token}

    def try_(self, *command: str) -> subprocess.CompletedProcess[str]:
        auth = self.home / "auth.json"
        auth.write_text(json.dumps({"auths": self.logins}))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home),
            "REGISTRY_AUTH_FILE": str(auth),
        }
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )

    def run(self, *command: str) -> str:
        done = self.try_(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def buildah(self, *command: str) -> str:
        """Run buildah with its storage in the home; the mounts it makes end with it."""
        storage = ("--root", f"{self.home}/root", "--runroot", f"{self.home}/runroot")
        alone = ("unshare", "--pid", "--mount", "--fork", "--kill-child=KILL", "--mount-proc")
        return self.run(*alone, "buildah", *storage, "--storage-driver", "vfs", *command)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


@pytest.fixture(scope="module")
def built() -> Built:
    return image(
        files={"/srv/hello": b"hello from the image\n"},
        env={"BACKGROUND_COLOR": "white"},
        apk=[ApkPackage("zlib", "1.3.1-r0")],
    )


@pytest.fixture
def here() -> Iterator[World]:
    with world() as served:
        yield served


@pytest.fixture
def upstream() -> Iterator[World]:
    with world(anonymous_pull=True) as served:
        yield served


def docker(here: World, rest: str) -> str:
    return f"docker://{here.registry.login_server}/{rest}"


def test_skopeo_copies_a_whole_index_from_an_anonymous_upstream(
    tools: Tools, here: World, upstream: World, built: Built
) -> None:
    push(built, upstream.registry, REPO, "9")
    tools.login(here, "pusher")
    tools.run(
        "skopeo", "copy", "--all", "--src-cert-dir", CERTS, "--dest-cert-dir", CERTS,
        docker(upstream, f"{REPO}:9"), docker(here, f"staging/{REPO}:9"),
    )  # fmt: skip
    copied = here.registry.manifest(f"staging/{REPO}", "9")
    assert copied is not None
    assert copied.digest == built.digest
    assert [event["subject"] for event in here.events][-1] == f"staging/{REPO}:9"
    assert len(here.events) == 3


def test_skopeo_inspects_lists_and_deletes(tools: Tools, here: World, built: Built) -> None:
    push(built, here.registry, REPO, "9")
    push(built, here.registry, REPO, "9-alpine")
    tools.identity_token(here, "owner")
    told = tools.run("skopeo", "inspect", "--cert-dir", CERTS, docker(here, f"{REPO}:9"))
    assert json.loads(told)["Digest"] == str(built.digest)
    assert json.loads(told)["RepoTags"] == ["9", "9-alpine"]
    assert "BACKGROUND_COLOR=white" in json.loads(told)["Env"]
    raw = tools.run("skopeo", "inspect", "--raw", "--cert-dir", CERTS, docker(here, f"{REPO}:9"))
    assert raw.encode() == built.index
    tags = tools.run("skopeo", "list-tags", "--cert-dir", CERTS, docker(here, REPO))
    assert json.loads(tags)["Tags"] == ["9", "9-alpine"]
    tools.run("skopeo", "delete", "--cert-dir", CERTS, docker(here, f"{REPO}:9"))
    assert here.registry.manifest(REPO, "9-alpine") is None


def test_skopeo_is_told_when_it_may_not(
    tools: Tools, here: World, upstream: World, built: Built
) -> None:
    push(built, upstream.registry, REPO, "9")
    copy = (
        "skopeo", "copy", "--all", "--src-cert-dir", CERTS, "--dest-cert-dir", CERTS,
        docker(upstream, f"{REPO}:9"), docker(here, f"{REPO}:9"),
    )  # fmt: skip
    tools.login(here, "puller")
    denied = tools.try_(*copy)
    assert denied.returncode != 0
    assert "denied" in denied.stderr
    push(built, here.registry, REPO, "9")
    here.registry.lock(REPO, "9", write=False)
    tools.login(here, "pusher")
    locked = tools.try_(*copy)
    assert locked.returncode != 0
    assert "disallowed on this registry" in locked.stderr


def test_buildah_pulls_runs_builds_and_pushes(tools: Tools, here: World, built: Built) -> None:
    push(built, here.registry, REPO, "9")
    tools.login(here, "pusher")
    server = here.registry.login_server
    source = f"{server}/{REPO}:9@{built.digest}"
    container = tools.buildah("from", "--quiet", "--cert-dir", CERTS, source).strip()
    said = tools.buildah(
        "run", "--isolation", "chroot", container, "sh", "-c",
        'cat /srv/hello; echo $BACKGROUND_COLOR; id -un; touch /tmp/x && ls /tmp',
    )  # fmt: skip
    assert said.split("\n")[:4] == ["hello from the image", "white", "root", "x"]
    tools.buildah("commit", "--quiet", container, f"{server}/apps/hello:1")
    tools.buildah("push", "--quiet", "--cert-dir", CERTS, f"{server}/apps/hello:1")
    pushed = here.registry.manifest("apps/hello", "1")
    assert pushed is not None
    assert here.events[-1]["data"]["target"]["digest"] == str(pushed.digest)
    assert here.events[-1]["data"]["request"]["useragent"].startswith("Buildah/")
