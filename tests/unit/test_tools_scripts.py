"""The shell scripts of the installation, on machines that lack this and that, and what `make help` says."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "tools/debian-packages").read_text().split()


class Machine:
    """A machine with nothing on PATH but what a test puts there, and an empty home."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.home = folder / "bin", folder / "home"
        self.bin.mkdir()
        self.home.mkdir()

    def has(self, *programs: str) -> None:
        """Put programs of this machine on its PATH."""
        for program in programs:
            found = shutil.which(program)
            assert found is not None, program
            (self.bin / program).symlink_to(found)

    def fakes(self, program: str, script: str, where: Path | None = None) -> Path:
        """Put a shell script on its PATH, or elsewhere, under a program's name."""
        path = (where or self.bin) / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
        path.chmod(0o755)
        return path

    def runs(self, script: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Run one of our scripts; return its exit code and what it printed."""
        bash = shutil.which("bash")
        assert bash is not None
        ended = subprocess.run(
            [bash, str(ROOT / "tools" / script)],
            env={"PATH": str(self.bin), "HOME": str(self.home), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.has("cat", "dirname", "grep", "mktemp", "tail", "rm", "env")
    return made


IS_313, IS_OLD, IS_BROKEN = "echo True", "echo False", "echo no venv >&2; exit 1"


def test_without_any_python_it_says_how_to_get_one(machine):
    code, out, err = machine.runs("find-python")
    assert (code, out) == (1, "")
    assert "needs Python 3.13" in err
    for way in ("pyenv install 3.13", "uv python install 3.13", "apt-get install python3.13-venv"):
        assert way in err
    assert "bound variable" not in err


@pytest.mark.parametrize("python", [IS_OLD, IS_BROKEN], ids=["older", "without venv"])
def test_a_python_that_will_not_do_is_not_taken(machine, python):
    machine.fakes("python3", python)
    machine.fakes("python", python)
    machine.fakes("python3", python, machine.home / ".pyenv/versions/3.13.9/bin")
    assert machine.runs("find-python")[:2] == (1, "")


@pytest.mark.parametrize("name", ["python3.13", "python3", "python"])
def test_a_python_on_path_is_found_under_every_name(machine, name):
    found = machine.fakes(name, IS_313)
    assert machine.runs("find-python") == (0, f"{found}\n", "")


def test_a_313_behind_an_older_one_on_path_is_found(machine):
    machine.fakes("python3", IS_OLD)
    newer = machine.fakes("python3", IS_313, machine.home / "bin")
    path = f"{machine.bin}:{newer.parent}"
    assert machine.runs("find-python", {"PATH": path}) == (0, f"{newer}\n", "")


def test_a_pyenv_that_is_not_on_path_is_looked_into(machine):
    found = machine.fakes("python3", IS_313, machine.home / ".pyenv/versions/3.13.9/bin")
    assert machine.runs("find-python") == (0, f"{found}\n", "")


def test_a_pyenv_elsewhere_is_looked_into(machine, tmp_path):
    root = tmp_path / "opt/pyenv"
    found = machine.fakes("python3", IS_313, root / "versions/3.13.2/bin")
    assert machine.runs("find-python", {"PYENV_ROOT": str(root)}) == (0, f"{found}\n", "")
    machine.fakes("pyenv", f"echo {root}")
    assert machine.runs("find-python") == (0, f"{found}\n", "")


def test_uv_is_asked(machine, tmp_path):
    found = machine.fakes("python3.13", IS_313, tmp_path / "uv")
    machine.fakes("uv", f'[ "$*" = "python find 3.13" ] && echo {found}')
    assert machine.runs("find-python") == (0, f"{found}\n", "")


def test_the_python_it_finds_here_is_a_313_with_venv():
    ended = subprocess.run(
        [ROOT / "tools/find-python"], capture_output=True, text=True, check=True, timeout=120
    )
    code = "import ensurepip, sys, venv; print(*sys.version_info[:2], sep='.')"
    command = [ended.stdout.strip(), "-c", code]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"3.13\n"


def with_packages(machine: Machine, installed: Sequence[str], user: int) -> None:
    """Give the machine Debian's package database and a user."""
    cases = "\n".join(f"  {package}) echo installed;;" for package in installed)
    machine.fakes(
        "dpkg-query",
        f'for last in "$@"; do :; done\ncase "$last" in\n{cases}\n  *) exit 1;;\nesac',
    )
    machine.fakes("id", f"echo {user}")


def with_apt(machine: Machine, log: Path, *, works: bool = True) -> None:
    """Give the machine an apt-get that notes what it is asked for."""
    machine.fakes(
        "apt-get",
        f'echo "$*" >> {log}\necho apt says something\n{"exit 0" if works else "exit 100"}',
    )


def test_with_every_package_there_it_does_nothing(machine):
    with_packages(machine, PACKAGES, user=1000)
    assert machine.runs("install-debian-packages") == (0, "", "")


def test_neither_root_nor_sudo_names_what_is_missing(machine):
    with_packages(machine, [each for each in PACKAGES if each not in ("runc", "skopeo")], user=1000)
    code, out, err = machine.runs("install-debian-packages")
    assert (code, out) == (1, "")
    assert "neither root nor have sudo: runc skopeo\n" in err
    assert "apt-get install --no-install-recommends runc skopeo\n" in err
    assert not any(each in err for each in PACKAGES if each not in ("runc", "skopeo"))


def test_a_package_that_was_removed_but_left_its_configuration_is_missing(machine):
    with_packages(machine, [], user=1000)
    machine.fakes("dpkg-query", "echo config-files")
    code, _, err = machine.runs("install-debian-packages")
    assert code == 1
    assert " ".join(PACKAGES) in err


def test_a_sudo_that_asks_for_a_password_nobody_can_type_is_no_sudo(machine):
    with_packages(machine, [], user=1000)
    machine.fakes("sudo", "exit 1")
    code, _, err = machine.runs("install-debian-packages")
    assert code == 1
    assert "neither root nor have sudo" in err


def test_a_system_without_apt_says_what_to_install(machine):
    with_packages(machine, PACKAGES[1:], user=0)
    code, _, err = machine.runs("install-debian-packages")
    assert code == 1
    assert f"install these yourself: {PACKAGES[0]}\n" in err


def test_root_installs_only_what_is_missing(machine, tmp_path):
    log = tmp_path / "apt.log"
    with_packages(machine, PACKAGES[2:], user=0)
    with_apt(machine, log)
    code, out, err = machine.runs("install-debian-packages")
    assert (code, err) == (0, "")
    assert out == f"Installing Debian packages: {' '.join(PACKAGES[:2])} ...\n"
    update, install = log.read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install -y ")
    assert install.endswith(f" {' '.join(PACKAGES[:2])}")


def test_sudo_is_used_by_who_has_it(machine, tmp_path):
    log = tmp_path / "apt.log"
    with_packages(machine, PACKAGES[1:], user=1000)
    with_apt(machine, log)
    machine.fakes("sudo", f'[ "$1" = -n ] && shift\necho "sudo $*" >> {log}\nexec "$@"')
    machine.has("true")
    assert machine.runs("install-debian-packages")[0] == 0
    asked = [line for line in log.read_text().splitlines() if line.startswith("sudo")]
    assert [line.split()[1] for line in asked] == ["true", "apt-get", "env"]
    assert asked[-1].endswith(f" {PACKAGES[0]}")


def test_when_apt_fails_its_own_words_are_shown(machine, tmp_path):
    with_packages(machine, [], user=0)
    with_apt(machine, tmp_path / "apt.log", works=False)
    code, _, err = machine.runs("install-debian-packages")
    assert code == 1
    assert "apt says something" in err
    assert "apt-get failed" in err


def make(*arguments: str) -> str:
    # Under `make test` a make runs already, and hands its flags down.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def test_make_help_lists_every_target_with_what_it_does():
    makefile = (ROOT / "Makefile").read_text()
    lists = dict(re.findall(r"^([A-Z]+) := ([a-z ]+)$", makefile, re.MULTILINE))
    phony = {
        name
        for line in re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
        for word in line.split()
        for name in lists.get(word.removeprefix("$(").removesuffix(")"), word).split()
    }
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", make("help"), re.MULTILINE))
    assert {"demo", "test", "check", "up", "down", "plan", "bench"} <= phony
    assert listed.keys() == phony
    for name, text in listed.items():
        assert f"## {text}\n" in makefile, name


def test_make_alone_is_help():
    assert make() == make("help")
