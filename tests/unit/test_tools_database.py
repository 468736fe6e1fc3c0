"""How old the stand-in says its vulnerability database is, and where a test may say otherwise."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.tools import database, osv, trivy
from local.tools.errors import ToolError

ADVISORIES = Path(__file__).parents[2] / "local/advisories"
NOW = datetime(2026, 11, 23, 13, 7, 11, 500, tzinfo=UTC)


def stated(folder: Path, text: str) -> Path:
    (folder / "metadata.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("now", "updated"),
    [
        ("2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z"),
        ("2026-11-23T05:59:59Z", "2026-11-23T00:00:00Z"),
        ("2026-11-23T06:00:00Z", "2026-11-23T06:00:00Z"),
        ("2026-11-23T13:07:11Z", "2026-11-23T12:00:00Z"),
        ("2026-11-23T23:59:59Z", "2026-11-23T18:00:00Z"),
    ],
)
def test_it_is_of_the_last_full_six_hours(now: str, updated: str, tmp_path):
    found = database.metadata(tmp_path, datetime.fromisoformat(now))
    assert found["UpdatedAt"] == updated
    assert found["DownloadedAt"] == now
    assert datetime.fromisoformat(found["NextUpdate"]) > datetime.fromisoformat(now)


def test_a_file_beside_the_advisories_says_otherwise(tmp_path):
    folder = stated(tmp_path, '{"UpdatedAt": "2026-11-01T01:00:00+01:00"}')
    found = database.metadata(folder, NOW)
    assert found == {
        "Version": 2,
        "NextUpdate": "2026-11-01T06:00:00Z",
        "UpdatedAt": "2026-11-01T00:00:00Z",
        "DownloadedAt": "2026-11-23T13:07:11.000500Z",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"UpdatedAt": 5}',
        '{"UpdatedAt": "soon"}',
        '{"UpdatedAt": "2026-11-01T00:00:00"}',
        '{"UpdatedAt": "0001-01-01T00:00:00+14:00"}',
    ],
)
def test_a_file_that_says_no_time_is_refused(text: str, tmp_path):
    with pytest.raises(ToolError, match=r"metadata\.json: expected"):
        database.metadata(stated(tmp_path, text), NOW)


def test_that_file_is_no_advisory(tmp_path):
    one = next(iter(sorted(ADVISORIES.glob("*.json"))))
    (tmp_path / one.name).write_bytes(one.read_bytes())
    assert len(osv.load(stated(tmp_path, '{"UpdatedAt": "2026-11-01T00:00:00Z"}'))) == 1


@pytest.mark.parametrize("words", [["--format", "json"], ["-f", "json"], ["--format=json", "-q"]])
def test_trivy_s_version_tells_it_as_json(words: list[str], tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(
        "BREAKWATER_ADVISORIES", str(stated(tmp_path, '{"UpdatedAt": "2026-11-01T00:00:00Z"}'))
    )
    assert trivy.main(["version", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "stand-in" in told["Version"]
    assert told["VulnerabilityDB"]["UpdatedAt"] == "2026-11-01T00:00:00Z"


def test_without_that_file_trivy_s_version_is_less_than_six_hours_old(capsys):
    assert trivy.main(["version", "--format", "json"]) == 0
    updated = json.loads(capsys.readouterr().out)["VulnerabilityDB"]["UpdatedAt"]
    age = datetime.now(UTC) - datetime.fromisoformat(updated)
    assert timedelta() <= age < timedelta(hours=6, minutes=1)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--format", "yaml"], "expected no more than --format json"),
        (["--format", "json", "now"], "expected no more than --format json"),
        (["--server", "x"], "unknown flag: --server"),
        (["--format"], "flag needs an argument"),
    ],
)
def test_what_version_does_not_know_is_refused_by_name(words: list[str], fault: str, capsys):
    assert trivy.main(["version", *words]) == 1
    shown = capsys.readouterr()
    assert (shown.out, fault in shown.err) == ("", True)
