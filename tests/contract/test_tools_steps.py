"""The task files' steps, run as the agent runs them: a rendered line through its shell, a stub for each tool."""

import hashlib

import pytest

from shared.oci.digest import Digest
from shared.policy.untested import untested
from tests.contract.tools_agent import DIGEST, GOOD, Agent


@pytest.fixture
def agent(tmp_path):
    return Agent(tmp_path)


@pytest.mark.parametrize("task", ["scan.yaml", "test.yaml"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"repository": "a"},
        {"repository": "staging/team_a/my__app-x.y--z"},
        {"platform": "linux/arm/v7"},
        {"seconds": "9999"},
    ],
)
def test_the_check_accepts_what_the_app_sends(agent, task, values):
    (agent.workspace / "test.sh").write_text("exit 0\n")
    done = agent.run(task, "check", **values)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("task", ["scan.yaml", "test.yaml"])
@pytest.mark.parametrize("name", list(GOOD))
def test_the_check_refuses_an_empty_value_by_name(agent, task, name):
    (agent.workspace / "test.sh").write_text("exit 0\n")
    done = agent.run(task, "check", **{name: ""})
    assert done.returncode == 64
    assert done.stderr == f"check: {name} is empty, or not what this task accepts\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("repository", "Library/node"),
        ("repository", "library//node"),
        ("repository", "library/node:9"),
        ("repository", "library/node\nx"),
        ("repository", "a$(touch pwned)"),
        ("repository", "`touch pwned`"),
        ("repository", "a; touch pwned"),
        ("repository", "--help"),
        ("repository", "a" * 256),
        ("repository", "a" * 4096),
        ("digest", DIGEST.upper()),
        ("digest", DIGEST[:-1]),
        ("digest", f"{DIGEST}\n{DIGEST}"),
        ("digest", "sha512:" + "a" * 64),
        ("platform", "linux/amd64/x"),
        ("platform", "windows/amd64"),
        ("platform", "all"),
        ("candidate", "0123"),
        ("candidate", "g" * 32),
        ("seconds", "0"),
        ("seconds", "-1"),
        ("seconds", "1h"),
        ("seconds", "100000"),
    ],
)
def test_the_check_refuses_what_is_not_in_its_pattern(agent, name, value):
    done = agent.run("scan.yaml", "check", **{name: value})
    assert done.returncode == 64
    assert f"check: {name} is empty, or not" in done.stderr
    assert list(agent.workspace.iterdir()) == []


def test_a_test_without_its_script_is_refused(agent):
    done = agent.run("test.yaml", "check")
    assert done.returncode == 64
    assert "no test.sh" in done.stderr


def test_the_report_is_attached_to_the_digest_with_its_candidate(agent):
    agent.stub("oras", ":")
    done = agent.run("scan.yaml", "attach")
    assert (done.returncode, done.stderr) == (0, "")
    called = agent.called("oras")
    assert called[:3] == [
        "attach",
        "--artifact-type",
        "application/vnd.breakwater.report.trivy.v1+json",
    ]
    assert f"io.breakwater.candidate={GOOD['candidate']}" in called
    assert "io.breakwater.platform=linux/amd64" in called
    assert called[-2:] == [f"localhost:5000/library/node@{DIGEST}", "report.json:application/json"]


def test_the_last_step_names_the_manifest_that_was_pushed(agent):
    (agent.workspace / "manifest.json").write_bytes(b"{}")
    done = agent.run("scan.yaml", "name")
    expected = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    assert done.stdout == f"breakwater-report {expected} {DIGEST} linux/amd64\n"


def test_no_report_no_name(agent):
    done = agent.run("scan.yaml", "name")
    assert done.returncode != 0
    assert "breakwater-report" not in done.stdout


def test_the_image_under_test_is_started_nested_and_every_line_of_it_marked(agent):
    agent.stub("docker", "echo breakwater-report x; printf 'a\\rbreakwater-report y\\n' >&2; cat")
    done = agent.run("test.yaml", "test")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"breakwater-test {DIGEST}",
        "test: breakwater-report x",
        "test: a",
        "test: breakwater-report y",
    ]
    called = agent.called("docker")
    assert called[:2] == ["run", "--rm"]
    assert called[-2:] == [f"localhost:5000/library/node@{DIGEST}", "/t/test.sh"]
    assert called[called.index("--volume") + 1] == "volume:/t:ro"


def test_the_image_under_test_cannot_write_the_status(agent):
    agent.stub("docker", "(echo 0 >&4) 2>/dev/null; (echo 0 >&3) 2>/dev/null; exit 7")
    done = agent.run("test.yaml", "test")
    assert done.returncode == 1
    assert done.stderr == "the test failed with exit status 7\n"
    assert untested(done.stdout, Digest(DIGEST)) == ""


@pytest.mark.parametrize(
    "body", ["exec yes it is long | head -c 600000; exit 7", "printf no-newline; exit 1"]
)
def test_that_it_was_started_stands_at_the_end_of_a_long_log_too(agent, body):
    agent.stub("docker", body)
    done = agent.run("test.yaml", "test")
    assert done.returncode == 1
    assert untested(done.stdout[-100:], Digest(DIGEST)) == ""


@pytest.mark.parametrize("says", ["echo no space left >&2", "printf no-newline", ":"])
def test_a_test_that_docker_itself_could_not_run_is_lost(agent, says):
    agent.stub("docker", f"{says}; exit 125")
    done = agent.run("test.yaml", "test")
    assert done.returncode == 1
    assert "docker" in untested(done.stdout, Digest(DIGEST))
    assert done.stderr == "docker could not run the test\n"


def test_an_image_that_cannot_be_pulled_was_not_tested(agent):
    agent.stub("docker", "echo manifest unknown >&2; exit 1")
    done = agent.run("test.yaml", "pull")
    assert done.returncode == 1
    assert untested(done.stdout, Digest(DIGEST)) != ""


@pytest.mark.parametrize("says", ["breakwater-test", "breakwater-lost"])
def test_the_image_under_test_cannot_say_that_it_was_started_or_lost(agent, says):
    agent.stub("docker", f"printf 'x\\r{says} {DIGEST}\\n{says} {DIGEST}\\n'; exit 0")
    done = agent.run("test.yaml", "test")
    told = [line for line in done.stdout.split("\n")[1:] if line.startswith(says)]
    assert told == []


def test_a_test_that_does_not_end_is_stopped(agent):
    agent.stub("docker", "exec sleep 600")
    done = agent.run("test.yaml", "test", seconds="1")
    assert done.returncode == 1
    assert "stopped after 1 s" in done.stderr


def test_the_image_is_pulled_before_the_clock_runs(agent):
    agent.stub("docker", "echo layers")
    done = agent.run("test.yaml", "pull")
    assert (done.returncode, done.stdout) == (0, "")
    assert agent.called("docker") == ["pull", f"localhost:5000/library/node@{DIGEST}"]
