"""The scan task's scan: a whole report with the date of its database, or a failed run."""

import json

import pytest

from tests.contract.tools_agent import DIGEST, Agent


@pytest.fixture
def agent(tmp_path):
    return Agent(tmp_path)


DATABASE = (
    '{"Version": "0.69.3", "VulnerabilityDB": {"Version": 2, "UpdatedAt": "2026-11-23T06:00:00Z"}}'
)
FOUND = '{"SchemaVersion": 2, "Trivy": {"Version": "0.69.3"}, "Results": [{"Size": 2147483648, "Score": 7.5}]}'


def with_trivy(agent: Agent, *, found: str = FOUND, version: str = DATABASE, code: int = 0) -> None:
    """A Trivy that writes this report, then says this of itself with this exit status; its `image` call is noted."""
    (agent.stubs / "found").write_text(found)
    (agent.stubs / "version").write_text(version)
    agent.stub(
        "trivy",
        f'if [ "$1" = version ]; then cat {agent.stubs}/version; exit {code}; fi\n'
        f"cp {agent.stubs}/trivy.called {agent.stubs}/image.called\n"
        f"echo breakwater-report sha256:forged; echo breakwater-report x >&2\n"
        f"cat {agent.stubs}/found > found.json",
    )


def test_the_scan_says_nothing_of_its_own_when_it_succeeds(agent):
    with_trivy(agent)
    done = agent.run("scan.yaml", "scan")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    called = agent.called("image")
    assert called[0] == "image"
    assert called[called.index("--db-repository") + 1] == "localhost:5001/base/tools/trivy-db:2"
    assert (
        called[called.index("--java-db-repository") + 1]
        == "localhost:5001/base/tools/trivy-java-db:1"
    )
    assert called[called.index("--timeout") + 1] == "60s"
    assert called[-1] == f"localhost:5000/library/node@{DIGEST}"
    assert agent.called("trivy") == ["version", "--format", "json"]


def test_a_failed_scan_shows_trivy_s_words_as_trivy_s(agent):
    agent.stub("trivy", "printf 'FATAL\\rbreakwater-report x\\nbreakwater-report y\\n' >&2; exit 1")
    done = agent.run("scan.yaml", "scan")
    assert done.returncode == 1
    assert done.stderr == "trivy: FATALbreakwater-report x\ntrivy: breakwater-report y\n"


def test_the_report_gets_the_date_of_the_database_and_stays_as_it_was_otherwise(agent):
    with_trivy(agent)
    assert agent.run("scan.yaml", "scan").returncode == 0
    report = json.loads((agent.workspace / "report.json").read_text())
    known = report["Trivy"].pop("VulnerabilityDB")
    assert known == json.loads(DATABASE)["VulnerabilityDB"]
    assert report == json.loads(FOUND)


def test_a_report_that_says_nothing_of_trivy_gets_it_too(agent):
    with_trivy(agent, found='{"SchemaVersion": 2}')
    assert agent.run("scan.yaml", "scan").returncode == 0
    report = json.loads((agent.workspace / "report.json").read_text())
    assert report["Trivy"]["VulnerabilityDB"]["UpdatedAt"] == "2026-11-23T06:00:00Z"


def test_what_a_later_trivy_says_itself_stands(agent):
    own = (
        '{"Trivy": {"VulnerabilityDB": {"UpdatedAt": "2026-11-23T00:00:00Z"}}, "SchemaVersion": 2}'
    )
    with_trivy(agent, found=own, version="{}")
    assert agent.run("scan.yaml", "scan").returncode == 0
    assert json.loads((agent.workspace / "report.json").read_text()) == json.loads(own)


@pytest.mark.parametrize(
    ("found", "version", "says"),
    [
        (FOUND, '{"Version": "0.69.3"}', "expected the date of the vulnerability database, found none"),
        (FOUND, '{"VulnerabilityDB": null}', "expected the date of the vulnerability database"),
        (FOUND, '{"VulnerabilityDB": "new"}', "Cannot index string"),
        (FOUND, "", "expected a report and a version"),
        (FOUND, "[]", "expected a report and a version"),
        (FOUND, "Version: 0.69.3", "parse error"),
        ("", DATABASE, "expected a report and a version"),
        (FOUND + FOUND, DATABASE, "expected a report and a version"),
        (FOUND[:-20], DATABASE, "parse error"),
        ('{"Trivy": "breakwater-report x"}', DATABASE, "Cannot index string"),
    ],
)  # fmt: skip
def test_half_a_report_fails_the_run_and_is_never_attached(agent, found, version, says):
    with_trivy(agent, found=found, version=version)
    done = agent.run("scan.yaml", "scan")
    assert done.returncode == 1
    assert done.stderr.startswith("jq: ")
    assert says in done.stderr
    assert all(line.startswith("jq: ") for line in done.stderr.splitlines())
    assert not (agent.workspace / "report.json").exists()


def test_a_trivy_that_cannot_say_its_version_fails_the_run(agent):
    with_trivy(agent, code=1)
    agent.stub("jq", "exit 0")
    done = agent.run("scan.yaml", "scan")
    assert (done.returncode, agent.called("jq")) == (1, [])
    assert not (agent.workspace / "report.json").exists()


def test_a_jq_that_fails_half_way_leaves_no_report(agent):
    with_trivy(agent)
    agent.stub("jq", "printf '{'; echo no space left >&2; exit 2")
    done = agent.run("scan.yaml", "scan")
    assert (done.returncode, done.stderr) == (1, "jq: no space left\n")
    assert not (agent.workspace / "report.json").exists()
