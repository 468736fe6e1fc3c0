"""Task files: what is read, which defaults hold, and how a wrong one is refused."""

import pytest

from local.tasks.taskfile import Step, Task, TaskError, load

RUN = {"ID": "ca1", "Registry": "localhost:5001", "SharedVolume": "vol"}


def read(text: str, values: dict[str, str] | None = None) -> Task:
    return load(text, RUN, values or {})


def test_a_build_and_push_task_is_read():
    task = read(
        "version: v1.1.0\n"
        "steps:\n"
        "  - build: -t {{.Run.Registry}}/app:{{.Run.ID}} .\n"
        "  - id: p\n"
        "    push: ['$Registry/app:$ID']\n"
        "    retries: 2\n"
    )
    assert task.steps == (
        Step("acb_step_0", build="-t localhost:5001/app:ca1 .", timeout=600, retry_delay=5),
        Step("p", push=("localhost:5001/app:ca1",), timeout=600, retry_delay=5, retries=2),
    )


def test_a_step_overrides_the_task_s_timeout_directory_and_environment():
    task = read(
        "stepTimeout: 30\nworkingDirectory: src\nenv: [A=1, B=2]\n"
        "steps:\n  - cmd: x\n  - {cmd: y, timeout: 5, workingDirectory: z, env: [A=9]}\n"
    )
    first, second = task.steps
    assert (first.timeout, first.working_directory, first.env) == (30, "src", ("A=1", "B=2"))
    assert (second.timeout, second.working_directory, second.env) == (5, "z", ("A=9", "B=2"))


def test_every_key_of_a_step_arrives():
    (step,) = read(
        "steps:\n  - {id: a, cmd: x, when: ['-'], env: [A=b], timeout: 1, retries: 2, retryDelay: 3, startDelay: 4,"
        " ignoreErrors: true, entryPoint: /bin/sh, workingDirectory: w, user: '1', network: host,"
        " disableWorkingDirectoryOverride: true, pull: true, cache: disabled}\n"
    ).steps
    assert step == Step(
        "a", cmd="x", when=("-",), env=("A=b",), timeout=1, retries=2, retry_delay=3, start_delay=4,
        ignore_errors=True, entry_point="/bin/sh", working_directory="w", user="1", network="host",
        keep_image_directory=True,
    )  # fmt: skip


def test_aliases_wait_for_version_1_1():
    assert read("steps:\n  - cmd: x $ID\n").steps[0].cmd == "x $ID"
    assert read("version: v1.1.0\nsteps:\n  - cmd: x $ID\n").steps[0].cmd == "x ca1"


def test_a_value_can_still_become_an_alias():
    task = read("version: v1.1.0\nsteps:\n  - cmd: x {{.Values.a}}\n", {"a": "$ID"})
    assert task.steps[0].cmd == "x ca1"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("steps:\n  - {id: scan, cmd: x, timout: 5}", ("step scan", "'timout'")),
        ("steps:\n  - {cmd: x, detach: true}", ("step 0", "'detach'", "does not play")),
        ("secrets: [{id: a}]\nsteps:\n  - cmd: x", ("task file", "'secrets'")),
        ("step:\n  - cmd: x", ("task file", "'step'")),
        ("steps:\n  - {cmd: x, push: [y]}", ("step 0", "cmd and push")),
        ("steps:\n  - {id: a}", ("step a", "found none")),
        ("steps:\n  - {cmd: x, retries: two}", ("step 0", "retries", "'two'")),
        ("steps:\n  - {cmd: x, when: a}", ("step 0", "when", "list")),
        ("steps:\n  - {cmd: x, ignoreErrors: 1}", ("step 0", "ignoreErrors")),
        ("steps:\n  - {cmd: [x]}", ("step 0", "cmd", "text")),
        ("steps:\n  - {cmd: x, env: [A]}", ("env", "NAME=value", "'A'")),
        ("steps:\n  - {id: a b, cmd: x}", ("step a b", "no spaces")),
        ("steps:\n  - {id: a, cmd: x}\n  - {id: a, cmd: y}", ("step a", "2 times")),
        ("steps:\n  - {cmd: x, cmd: y}", ("'cmd'", "given twice")),
        ("steps:\n  - {build: x, cache: enabled}", ("cache", "enabled")),
        ("version: v2\nsteps:\n  - cmd: x", ("version", "'v2'")),
        ("alias: {values: {a: b}}\nsteps:\n  - cmd: x", ("alias", "v1.1.0")),
        ("steps: []", ("steps", "none")),
        ("- a", ("mapping", "list")),
        ("steps:\n  - cmd: {{.Secrets.pw}}", ("line 2", ".Secrets.pw")),
        ("steps: [", ("YAML",)),
    ],
)
def test_a_wrong_task_file_is_refused_naming_the_place(text, parts):
    with pytest.raises(TaskError) as caught:
        read(text)
    for part in parts:
        assert part in str(caught.value)
