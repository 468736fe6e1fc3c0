"""The `docker` command of a task's agent: the few verbs our tasks use, done with buildah and an OCI runtime."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from local.tasks import nested
from local.tasks.buildline import BuildLine, BuildLineError, parse_build_line
from local.tasks.dependencies import Bases, DockerfileError, Reference, parse_reference, scan
from local.tasks.layout import DOCKER_CONFIG, RECORD, STORE

FAILED = 125  # docker's own exit code when it, not the container, failed
_STORE = (
    "buildah", "--root", STORE, "--runroot", "/run/containers", "--storage-driver", "overlay",
)  # fmt: skip

# What buildah says for itself, not for the user (trials, §1).
_NOISE = re.compile(
    r"Getting image source signatures|Copying (blob|config) |Writing manifest to image|Storing signatures"
    r"|-->\s+[0-9a-f]{11}|(subprocess exited with|Error: exit) status|Error: while running runtime: exit status"
    r"|time=.* level=(warning|info) |Trying to pull |Using cache "
)


def main(words: Sequence[str]) -> int:
    """Run one docker command; return its exit code."""
    verbs = {"run": run, "build": build, "push": push, "pull": pull, "tag": tag}
    verb = words[0] if words else ""
    if verb not in verbs:
        known = ", ".join(verbs)
        return _fail(
            f"expected one of {known}, found {verb!r}: the local agent has no more of docker"
        )
    try:
        return verbs[verb](list(words[1:]))
    except (nested.Refused, BuildLineError, DockerfileError) as error:
        return _fail(str(error))


def run(words: list[str]) -> int:
    """`docker run`: a container of its own, or, for the tool image, the stand-ins on this agent."""
    asked = nested.parse(words)
    if nested.is_tools(asked):
        return nested.stand_in(asked)
    started = _buildah("from", "--quiet", *_login(), "--pull-never", asked.image)
    if started.returncode:
        started = _buildah("from", "--quiet", *_login(), asked.image)
    if started.returncode:
        print(f"Unable to find image '{asked.image}'", file=sys.stderr)
        return _fail(_last_line(started.stderr))
    container = started.stdout.strip().splitlines()[-1]
    config = json.loads(_buildah("inspect", container).stdout)["OCIv1"].get("config") or {}
    rootfs = Path(_buildah("mount", container).stdout.strip())
    return nested.execute(nested.container(asked, config, rootfs), rootfs)


def build(words: list[str]) -> int:
    """`docker build`: resolve every base's tag once, pull that digest, build on exactly it."""
    line = parse_build_line(words)
    if "://" in line.context or line.context == "-":
        message = f"build: expected a folder of the workspace as context, found {line.context!r}"
        raise BuildLineError(message)
    file = Path(line.context, line.file)
    file = file if file.exists() else Path(line.file)
    if not file.exists():
        return _fail(f"unable to prepare context: {line.file} is not in {line.context}")
    bases = scan(file.read_text("utf-8"), line.arguments, line.target)
    resolved = {name: _fetch(name) for name in _all(bases)}
    code = _filtered(_bud(line, file))
    if code == 0:
        _record(
            {
                "tags": list(line.tags),
                "runtime": asdict(resolved[bases.runtime]) if bases.runtime else None,
                "buildtime": [asdict(resolved[name]) for name in bases.buildtime],
            }
        )
    return code


def push(words: list[str]) -> int:
    """`docker push`: with what the run's docker config grants, and nothing else."""
    names = [word for word in words if not word.startswith("-")]
    if len(names) != 1:
        return _fail(f"push: expected one image, found {' '.join(words)!r}")
    digest = Path("/tmp/pushed-digest")  # noqa: S108 - the agent's own /tmp, gone with the run
    name = parse_reference(names[0]).name
    print(f"The push refers to repository [{name.rpartition(':')[0]}]", flush=True)
    done = _buildah(
        "push", "--quiet", *_login(), "--format", "oci", "--digestfile", str(digest), names[0], f"docker://{name}"
    )  # fmt: skip
    if done.returncode:
        return _fail(_last_line(done.stderr), code=1)
    found = digest.read_text("ascii").strip()
    print(f"{parse_reference(name).tag}: digest: {found}", flush=True)
    _record({"pushed": names[0], "digest": found})
    return 0


def pull(words: list[str]) -> int:
    """`docker pull`."""
    names = [word for word in words if not word.startswith("-")]
    if len(names) != 1:
        return _fail(f"pull: expected one image, found {' '.join(words)!r}")
    done = _buildah("pull", "--quiet", *_login(), parse_reference(names[0]).name)
    if done.returncode:
        return _fail(_last_line(done.stderr), code=1)
    print(f"Downloaded {names[0]}", flush=True)
    return 0


def tag(words: list[str]) -> int:
    """`docker tag SOURCE TARGET`."""
    done = _buildah("tag", *words)
    return _fail(_last_line(done.stderr), code=1) if done.returncode else 0


def _all(bases: Bases) -> list[Reference]:
    runtime = [bases.runtime] if bases.runtime else []
    return [*runtime, *bases.buildtime, *bases.copied]


def _fetch(name: Reference) -> Reference:
    """Resolve a tag and have that digest in the store under the tag, so that nothing moves in between."""
    if not name.digest:
        local = _buildah("images", "--quiet", name.name)
        if local.returncode == 0 and local.stdout.strip():
            return name  # an earlier step built it: docker would not ask the registry either
        shown = subprocess.run(
            ["skopeo", "inspect", "--raw", "--authfile", DOCKER_CONFIG, f"docker://{name.name}"],
            capture_output=True, check=False,
        )  # fmt: skip
        if shown.returncode:
            message = f"build: {name.name}: {_last_line(shown.stderr.decode())}"
            raise BuildLineError(message)
        name = replace(name, digest=f"sha256:{hashlib.sha256(shown.stdout).hexdigest()}")
    exact = replace(name, tag="").name
    pulled = _buildah("pull", "--quiet", *_login(), exact)
    if pulled.returncode:
        message = f"build: {exact}: {_last_line(pulled.stderr)}"
        raise BuildLineError(message)
    if name.tag:
        _buildah("tag", exact, name.name)
    return name


def _bud(line: BuildLine, file: Path) -> list[str]:
    if line.network not in ("none", "host"):
        message = f"build: --network: expected none or host, found {line.network!r}"
        raise BuildLineError(message)
    words = [*_STORE, "bud", "--layers=false", "--pull-never", "--format=oci", f"--file={file}"]
    words += [f"--platform={line.platform}"] if line.platform else []
    words += [f"--target={line.target}"] if line.target else []
    words += [f"--tag={name}" for name in line.tags]
    words += [f"--build-arg={key}={value}" for key, value in line.arguments.items()]
    words += [f"--label={label}" for label in line.labels]
    engine = os.environ["BREAKWATER_ENGINE"]
    if engine != "chroot":
        words += ["--isolation=oci", f"--runtime={engine}", f"--network={line.network}"]
        return [*words, f"--cgroup-parent={os.environ['BREAKWATER_CGROUP']}", line.context]
    words += ["--isolation=chroot", "--cap-drop=CAP_SYS_CHROOT", "--cap-drop=CAP_MKNOD"]
    # chroot isolation knows only the host's network; RUN gets an empty one around it instead
    around = ["unshare", "--net"] if line.network == "none" else []
    return [*around, *words, line.context]


def _filtered(words: Sequence[str]) -> int:
    """Run a command, its output passed on without the engine's noise."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for text in process.stdout or ():
            if not _NOISE.match(text):
                print(text, end="", flush=True)
    return process.returncode


def _buildah(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_STORE, *words], capture_output=True, text=True, check=False)


def _login() -> tuple[str, str]:
    return ("--authfile", DOCKER_CONFIG)


def _record(row: object) -> None:
    """Tell the runner what a build or push step did; a `cmd` step's doings leave no record in ACR either."""
    if os.environ.get("BREAKWATER_RECORD"):
        with Path(RECORD).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line and not _NOISE.match(line)]
    return lines[-1] if lines else "no reason given"


def _fail(message: str, code: int = FAILED) -> int:
    print(f"docker: {message}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
