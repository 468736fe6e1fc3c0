"""`make plan`: whose settings are used."""

import json
from collections.abc import Callable

import pytest

from handlers import plan
from local import plan as local_plan
from local.platform.claim import Claim


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[str]]]:
    """Stand in for the plan itself; returns the arguments it was given."""
    calls: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        calls.append(list(arguments))
        return 0

    monkeypatch.setattr(plan, "main", main)
    return lambda: calls


def test_settings_of_the_environment_come_first(tmp_path, asked):
    environment = {"AzureWebJobsStorage__queueServiceUri": "https://a", "AZURE_CLIENT_ID": "me"}
    before = dict(environment)
    with Claim(tmp_path).held():
        assert local_plan.main(["--json"], environment, tmp_path) == 0
    assert environment == before
    assert asked() == [["--json"]]


def test_without_settings_those_of_the_running_local_azure_are_used(tmp_path, asked, capsys):
    values = {"ARM_ENDPOINT": "https://localhost:1", "AZURE_CLIENT_ID": "local"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    environment = {"AZURE_SUBSCRIPTION_ID": "x", "AZURE_CLIENT_SECRET": "real", "HOME": "/home/me"}
    claim = Claim(tmp_path)
    with claim.held():
        claim.tell({"control": "http://127.0.0.1:1"})
        assert local_plan.main([], environment, tmp_path) == 0
    assert environment == {"HOME": "/home/me", **values}
    assert asked() == [[]]
    assert str(tmp_path) in capsys.readouterr().err


def test_a_local_azure_that_is_still_starting_is_waited_for(tmp_path, asked, capsys):
    claim = Claim(tmp_path)
    with claim.held():
        claim.tell({"pid": 1})
        assert local_plan.main([], {}, tmp_path) == 2
    assert asked() == []
    assert "still starting" in capsys.readouterr().err


def test_with_neither_it_says_what_to_set(tmp_path, asked, capsys):
    (tmp_path / "local.settings.json").write_text("{}")  # left by one that has stopped
    local_plan.main([], {}, tmp_path)
    assert asked() == [[]]  # which names every setting that is missing
    assert "make up" in capsys.readouterr().err
