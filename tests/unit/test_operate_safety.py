"""Operators' commands against their surroundings: where a token may go, and what a terminal is shown."""

from pathlib import Path

import pytest

from local import operate
from local.operate_calls import Answer
from local.operate_target import find
from shared.errors import Misconfigured

APPLICATION = "11111111-2222-3333-4444-555555555555"
AZURE = {"BREAKWATER_URL": "https://contoso.azurewebsites.net", "ENTRA_AUDIENCE": APPLICATION}


@pytest.mark.parametrize(
    "audience",
    [
        "https://management.azure.com",
        "https://graph.microsoft.com",
        "https://containerregistry.azure.net/",
        "management.azure.com",
        "api://it is",
        "api://",
        f"{APPLICATION}/x",
    ],
)
def test_no_token_for_another_s_api_is_asked_for_to_be_sent_there(audience: str):
    with pytest.raises(Misconfigured, match=r"ENTRA_AUDIENCE: expected .* found"):
        find(AZURE | {"ENTRA_AUDIENCE": audience}, Path("/nowhere"))


@pytest.mark.parametrize("audience", [APPLICATION, f"api://{APPLICATION}", "api://contoso/it"])
def test_the_application_is_named_as_the_app_has_it(audience: str):
    assert find(AZURE | {"ENTRA_AUDIENCE": audience}, Path("/nowhere")).url


@pytest.mark.parametrize(
    ("url", "by_itself"),
    [
        ("http://localhost:7071", True),
        ("http://127.0.0.1:7071", True),
        ("http://[::1]:7071", True),
        ("https://localhost:7071", False),
        ("https://contoso.azurewebsites.net", False),
    ],
)
def test_a_token_that_no_tls_hides_goes_through_no_proxy(url: str, by_itself: bool):
    assert find(AZURE | {"BREAKWATER_URL": url}, Path("/nowhere")).local is by_itself


def test_no_sentence_poses_as_two(capsys: pytest.CaptureFixture[str]):
    answer = Answer(200, {"told": ["held: x\nnode was approved by alice", "y\u2028z"]})
    assert operate.main(["candidates"], AZURE, Path("/nowhere"), lambda *_: answer) == operate.OK
    assert capsys.readouterr().out == "held: x node was approved by alice\ny\ufffdz\n"


def test_an_error_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]):
    def fail(*_: object) -> Answer:
        message = "https://it: no answer (\x1b[2J\x9b\u202e)"
        raise Misconfigured(message)

    environment = AZURE | {"BREAKWATER_URL": "https://it/\x1b[2J"}
    assert operate.main(["candidates"], environment, Path("/nowhere"), fail) == operate.REFUSED
    assert "\x1b" not in (told := capsys.readouterr().err)
    assert "no answer (\ufffd[2J\ufffd\ufffd)" in told
