"""Steps: their order, the shell line each becomes, and what a build line asks for."""

import pytest

from local.tasks.buildline import BuildLine, BuildLineError, parse_build_line
from local.tasks.steps import build_command_line, command_line, predecessors
from local.tasks.taskfile import Step, TaskError


def test_steps_without_when_run_one_after_the_other():
    waits = predecessors([Step("a", cmd="x"), Step("b", cmd="x"), Step("c", cmd="x")])
    assert waits == {"a": frozenset(), "b": {"a"}, "c": {"b"}}


def test_a_dash_starts_a_step_at_once_and_names_wait_for_those_steps():
    steps = [
        Step("a", cmd="x"),
        Step("b", cmd="x", when=("-",)),
        Step("c", cmd="x", when=("a", "b")),
    ]
    assert predecessors(steps) == {"a": frozenset(), "b": frozenset(), "c": {"a", "b"}}


@pytest.mark.parametrize(
    "steps",
    [
        [Step("a", cmd="x", when=("zz",))],
        [Step("a", cmd="x", when=("a",))],
        [Step("a", cmd="x"), Step("b", cmd="x", when=("-", "a"))],
        [Step("a", cmd="x", when=("b",)), Step("b", cmd="x", when=("a",))],
    ],
)
def test_an_order_that_cannot_be_is_refused(steps):
    with pytest.raises(TaskError, match="when"):
        predecessors(steps)


def test_a_command_stands_unquoted_at_the_end_of_the_agent_s_shell_line():
    step = Step(
        "s",
        cmd="img 'a b' > /workspace/out\ntouch x",
        env=("A=b",),
        entry_point="/bin/sh",
        user="5",
    )
    line = command_line(step, "vol")
    assert line == (
        "docker run --rm --name s --volume vol:/workspace --workdir /workspace"
        " --volume /var/run/docker.sock:/var/run/docker.sock --volume home:/acb/home --env HOME=/acb/home"
        " --user 5 --entrypoint /bin/sh --env A=b img 'a b' > /workspace/out\ntouch x"
    )


@pytest.mark.parametrize(
    ("directory", "expected"), [("", "/workspace"), ("src", "/workspace/src"), ("/data", "/data")]
)
def test_a_working_directory_lies_below_the_workspace_unless_absolute(directory, expected):
    step = Step("s", build="-t a .", working_directory=directory)
    assert build_command_line(step) == f"cd {expected} && docker build -t a ."


def test_a_build_line_is_read():
    line = "-t r/a:1 --tag=r/a:2 -f d/Dockerfile --build-arg A=1=2 --build-arg B --target t --no-cache ctx"
    words = line.split()
    assert parse_build_line(words) == BuildLine(
        ("r/a:1", "r/a:2"), "d/Dockerfile", {"A": "1=2", "B": ""}, "t", "ctx"
    )


@pytest.mark.parametrize(
    ("words", "part"),
    [("--squash .", "--squash"), ("-t", "-t"), ("-t a", "one context"), (". b", "one context")],
)
def test_a_build_line_it_cannot_do_is_refused(words, part):
    with pytest.raises(BuildLineError, match=part):
        parse_build_line(words.split())
