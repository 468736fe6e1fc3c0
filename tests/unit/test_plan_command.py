"""The plan's arguments, faults and exit codes."""

import json

import pytest

from handlers import plan
from shared.services import Services
from shared.settings import Settings
from tests.fakes import world

CATALOG = """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
defaults: { platforms: [linux/amd64], gate: { scan: trivy, block: high, age: 0h } }
images: [{ source: docker.io/library/node, tags: ["20"] }]
"""


def test_an_image_the_catalog_does_not_list_is_a_wrong_argument(capsys):
    assert plan.main(["nodee"], lambda: world(CATALOG).services) == 2
    assert "expected names of the catalog's images, found 'nodee'" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "1.5", "x", "100000", "", "9" * 5000])
def test_a_time_that_is_none_is_a_wrong_argument(seconds: str):
    with pytest.raises(SystemExit) as end:
        plan.main([f"--within={seconds}"], lambda: world(CATALOG).services)
    assert end.value.code == 2


def test_help_tells_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as end:
        plan.main(["--help"])
    assert end.value.code == 0
    assert "exit codes: 0 every registry answered" in capsys.readouterr().out


def test_every_fault_of_a_bad_catalog_is_told_with_its_line(capsys):
    faulty = "staging: 7\n" + "".join(f"unknown{number}: 1\n" for number in range(150))
    made = world(faulty)
    code = plan.main([], lambda: made.services)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("catalog.yaml:1: ")
    for line in range(2, 152):
        assert f"catalog.yaml:{line}: unknown{line - 2}: " in err
    code = plan.main(["--json"], lambda: made.services)
    out = capsys.readouterr().out
    assert code == 2
    assert json.loads(out)["faults"] == err.splitlines()


def test_every_fault_of_the_settings_is_told(capsys):
    def connect() -> Services:
        Settings.of({"IMPORT_CONCURRENCY": "many"})
        pytest.fail("these settings are wrong")

    assert plan.main([], connect) == 2
    said = capsys.readouterr().err.splitlines()
    assert "setting IMPORT_CONCURRENCY: expected a whole number from 1 to 100, found 'many'" in said
    assert any(each.startswith("setting AZURE_SUBSCRIPTION_ID: ") for each in said)
