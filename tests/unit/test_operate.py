"""Operators' commands: what they ask for, whom, and what they print and return."""

import json
from pathlib import Path
from typing import Any

import pytest

from local import operate
from local.operate_calls import Answer
from local.operate_request import NotAsked, Request, request
from local.operate_target import Target, find
from local.platform.claim import Claim
from shared.errors import Misconfigured, Transient

DIGEST = f"sha256:{'ab' * 32}"
AZURE = {"BREAKWATER_URL": "https://contoso.azurewebsites.net/", "ENTRA_AUDIENCE": "api://it"}


class App:
    """Answers every command, and remembers what it was asked."""

    def __init__(self, status: int = 200, **body: Any) -> None:
        self.answer: Answer | Exception = Answer(status, body)
        self.asked: list[tuple[Target, Request]] = []

    def __call__(self, target: Target, wanted: Request) -> Answer:
        self.asked.append((target, wanted))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def run(app: App, *arguments: str, **environment: str) -> int:
    return operate.main(arguments, AZURE | environment, Path("/nowhere"), app)


@pytest.mark.parametrize("command", ["approve", "deny", "release"])
def test_a_ruling_is_posted_with_its_comment(command: str):
    given = {"image": "node", "digest": DIGEST, "comment": "seen; $(it) \"is\" 'fine'"}
    body = given | {"override": False}
    assert request(given, command) == Request("POST", f"/api/{command}", body=body)


@pytest.mark.parametrize("word", ["1", "true", "YES"])
def test_an_approval_can_override_what_is_missing(word: str):
    given = {"image": "node", "digest": DIGEST, "comment": "why", "override": word}
    asked = request(given, "approve")
    assert asked.body == given | {"override": True}


@pytest.mark.parametrize("word", ["0", "no", "False"])
def test_an_override_that_is_none_is_none(word: str):
    asked = request({"image": "node", "digest": DIGEST, "override": word}, "approve")
    assert asked.body == {"image": "node", "digest": DIGEST, "comment": "", "override": False}


def test_questions_are_got():
    assert request({"image": "node", "tag": "20"}, "explain") == Request(
        "GET", "/api/explain", {"image": "node", "tag": "20"}
    )
    assert request({}, "candidates") == Request("GET", "/api/candidates")
    assert request({"state": "held", "observed": "1"}, "candidates") == Request(
        "GET", "/api/candidates", {"state": "held", "observed": "1"}
    )
    assert request({"observed": "0"}, "candidates") == Request("GET", "/api/candidates")
    assert request({"limit": "500"}, "candidates").query == {"limit": "500"}


@pytest.mark.parametrize(
    ("command", "given", "told"),
    [
        ("approve", {"digest": DIGEST}, "IMAGE: expected a value for approve, found nothing"),
        ("release", {"image": "node"}, "DIGEST: expected a value for release, found nothing"),
        ("deny", {"image": "node", "digest": DIGEST}, "COMMENT: expected a value for deny"),
        ("approve", {"image": "node", "tag": "20"}, "make explain IMAGE=node TAG=20"),
        ("approve", {"image": "n", "digest": DIGEST, "tag": "20"}, "TAG: approve does not take it"),
        (
            "deny",
            {"image": "n", "digest": DIGEST, "comment": "c", "override": "1"},
            "OVERRIDE: deny does not take it",
        ),
        ("approve", {"image": "n", "digest": DIGEST, "override": "1"}, "COMMENT: expected why"),
        ("approve", {"image": "n", "digest": DIGEST, "override": "maybe"}, "OVERRIDE: expected 1"),
        ("approve", {"image": "n", "digest": DIGEST, "comment": "\udcff"}, "COMMENT: .* UTF-8"),
        ("explain", {"image": "node"}, "DIGEST, TAG: explain takes one .* neither"),
        (
            "explain",
            {"image": "node", "digest": DIGEST, "tag": "20"},
            "takes one of them, found both",
        ),
        ("approve", {"image": f"node@{DIGEST}"}, f"write IMAGE=node DIGEST={DIGEST}"),
        ("explain", {"image": "node", "tag": "20", "comment": "x"}, "COMMENT: explain does not"),
    ],
)
def test_options_that_make_no_request_are_named(command: str, given: dict[str, str], told: str):
    with pytest.raises(NotAsked, match=told):
        request(given, command)


def test_more_candidates_are_asked_for_as_the_answer_tells():
    app = App(
        told=["1200 candidates; the 100 that changed last are shown, and limit may be up to 1000"]
    )
    assert run(app, "candidates", "--limit=1000") == operate.OK
    assert run(app, "candidates", "--from-environment", LIMIT="7") == operate.OK
    assert [wanted.query for _, wanted in app.asked] == [{"limit": "1000"}, {"limit": "7"}]


def test_the_answer_s_sentences_are_printed(capsys: pytest.CaptureFixture[str]):
    app = App(told=["node was approved.", "It is looked at again now."], ruling={"by": "alice"})
    assert run(app, "approve", "--image=node", f"--digest={DIGEST}") == operate.OK
    out, err = capsys.readouterr()
    assert out == "node was approved.\nIt is looked at again now.\n"
    assert err == "Asking https://contoso.azurewebsites.net/.\n"
    assert run(app, "explain", "--image=node", "--tag=20", "--json") == operate.OK
    assert json.loads(capsys.readouterr().out)["ruling"] == {"by": "alice"}


def test_what_others_typed_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]):
    assert run(App(told=["alice: \x1b[2J\x9bm\rfine"]), "candidates") == operate.OK
    assert capsys.readouterr().out == "alice: �[2J�m�fine\n"
    assert run(App(409, error="\x1b[8mno"), "candidates") == operate.REFUSED
    assert "�[8mno" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (401, 2), (403, 2), (404, 2), (409, 2), (500, 1), (503, 1)],
)
def test_a_refusal_is_told_with_its_reason(
    status: int, code: int, capsys: pytest.CaptureFixture[str]
):
    app = App(status, error="bob may not release: it takes the role Operator")
    assert run(app, "candidates") == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == (
        f"error: HTTP {status}: bob may not release: it takes the role Operator"
    )


@pytest.mark.parametrize(
    ("error", "code"), [(Transient("no answer"), 1), (Misconfigured("not signed in"), 2)]
)
def test_an_error_on_the_way_is_told(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
):
    app = App()
    app.answer = error
    assert run(app, "candidates") == code
    assert capsys.readouterr().err.endswith(f"error: {error}\n")
    assert run(app, "candidates", "--json") == code
    assert json.loads(capsys.readouterr().out) == {"error": str(error)}


def test_make_s_variables_count_only_where_they_are_asked_for():
    app = App(told=[])
    said = {"IMAGE": "node", "DIGEST": DIGEST, "COMMENT": " fine ", "TAG": "", "OVERRIDE": ""}
    assert run(app, "approve", "--from-environment", **said) == operate.OK
    assert app.asked[0][1].body == {
        "image": "node",
        "digest": DIGEST,
        "comment": "fine",
        "override": False,
    }
    assert run(app, "approve", **said) == operate.REFUSED
    assert run(app, "explain", "--from-environment", "--image=go", "--tag=1") == operate.OK
    assert app.asked[1][1].query == {"image": "go", "tag": "1"}


@pytest.mark.parametrize(
    "url",
    [
        "contoso",
        "http://contoso.azurewebsites.net",
        "https://me:secret@contoso.azurewebsites.net",
        "https://contoso.azurewebsites.net?code=key",
        "https://contoso:port",
        "ftp://localhost",
    ],
)
def test_a_token_goes_nowhere_but_to_an_address_over_tls(url: str):
    with pytest.raises(
        Misconfigured, match=r"BREAKWATER_URL: expected a URL like https://"
    ) as told:
        find(AZURE | {"BREAKWATER_URL": url}, Path("/nowhere"))
    assert "secret" not in str(told.value)


def test_in_azure_nobody_chooses_who_they_are_and_the_application_has_to_be_named():
    with pytest.raises(Misconfigured, match=r"AS: only the local Azure"):
        find(AZURE, Path("/nowhere"), "bob")
    with pytest.raises(Misconfigured, match=r"ENTRA_AUDIENCE: expected"):
        find(AZURE | {"ENTRA_AUDIENCE": " "}, Path("/nowhere"))
    found = find(AZURE, Path("/nowhere"))
    assert (found.url, found.local) == ("https://contoso.azurewebsites.net", False)


def test_without_an_address_a_local_azure_has_to_run(tmp_path: Path):
    with pytest.raises(Misconfigured, match=r"no Breakwater to ask: set BREAKWATER_URL .*make up"):
        find({}, tmp_path)
    claim = Claim(tmp_path)
    with claim.held():
        claim.tell({"pid": 1})
        with pytest.raises(Misconfigured, match="still starting"):
            find({}, tmp_path)


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        operate.main(["--help"])
    assert end.value.code == 0
    assert "exit codes: 0 done; 1 the app or the directory" in capsys.readouterr().out
    with pytest.raises(SystemExit) as wrong:
        operate.main(["destroy"])
    assert wrong.value.code == operate.REFUSED
