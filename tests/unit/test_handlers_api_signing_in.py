"""Operators sign in: who is nobody, who lacks a role, and what is said when nobody can be asked."""

import pytest

from handlers.signed_in import Answer, signed_in
from shared.errors import Misconfigured, Permanent, Transient
from shared.operators import Operator, Role, Stranger
from tests.operating import ENDPOINTS, LISTS, Desk, error

ALL = sorted([*ENDPOINTS, *LISTS])
NEEDED = {
    "approve": Role.APPROVER,
    "deny": Role.APPROVER,
    "release": Role.OPERATOR,
    "candidates": Role.READER,
    "explain": Role.READER,
}


class Says:
    """Operators whose directory fails, or names somebody odd."""

    def __init__(self, said: Exception | Stranger | Operator) -> None:
        self.said = said

    def identify(self, authorization: str) -> Operator | Stranger:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def ask(desk: Desk, what: str, token: str | None) -> Answer:
    if what in ENDPOINTS:
        return desk.says(what, token)
    parameters = {"image": "node", "digest": str(desk.digest)} if what == "explain" else {}
    return desk.gets(what, token, **parameters)


def with_directory(said: Exception | Stranger | Operator) -> Desk:
    desk = Desk()
    desk.machine.world.operators = Says(said)  # type: ignore[assignment]  # a fake of the fake
    return desk


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize("token", ["", "Bearer forged", "Basic YTpi", "Bearer "])
def test_without_a_token_of_ours_nobody_is_let_in_and_learns_how(what: str, token: str):
    desk = Desk()

    answer = ask(desk, what, token)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "the token is nobody's" in error(answer)
    assert (desk.rulings, desk.looks, desk.attached) == ([], 0, [])


@pytest.mark.parametrize("what", sorted(ENDPOINTS))
def test_a_stranger_is_not_told_what_is_wrong_with_the_request(what: str):
    assert Desk().posts(what, b"[", "", content_type="text/plain").status == 401


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize("role", [None, *Role])
def test_each_endpoint_asks_for_its_role_and_a_higher_one_will_do(what: str, role: Role | None):
    desk = Desk()

    answer = ask(desk, what, desk.token(role))

    order = list(Role)
    may = role is not None and order.index(role) >= order.index(NEEDED[what])
    assert answer.status == (200 if may else 403)
    if not may:
        held = role.value if role else "none"
        assert f"needs the role {NEEDED[what].value}; {held if role else 'X'} has {held}" in error(
            answer
        )
        assert (desk.rulings, desk.looks, desk.attached) == ([], 0, [])


@pytest.mark.parametrize("what", ALL)
def test_where_no_directory_is_set_up_the_setting_is_named(what: str):
    desk = Desk()
    desk.machine.world.operators.is_set_up = False

    answer = ask(desk, what, "Bearer anything")

    assert answer.status == 503
    assert "ENTRA_TENANT_ID" in error(answer)
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize(("after", "told"), [(None, "10"), (2.3, "3")])
def test_a_directory_that_is_down_is_worth_asking_again(what: str, after: float | None, told: str):
    desk = with_directory(Transient("login.microsoftonline.com: HTTP 500", retry_after=after))

    answer = ask(desk, what, "Bearer anything")

    assert (answer.status, answer.headers["Retry-After"]) == (503, told)
    assert "login.microsoftonline.com: HTTP 500" in error(answer)


def test_what_a_token_says_of_itself_cannot_forge_a_line(caplog: pytest.LogCaptureFixture):
    sly = with_directory(Stranger("signed by \x1b[2J\nEvil"))
    poor = with_directory(Operator("a\nb\u202e", "c\nd"))

    said = error(ask(sly, "approve", "Bearer x")) + error(ask(poor, "approve", "Bearer x"))

    assert said.isprintable()
    assert [record.getMessage().isprintable() for record in caplog.records] == [True, True]


def test_faults_on_lines_of_their_own_are_told_apart():
    desk = Desk()
    desk.machine.world.catalog.text = "staging: 1\nbase: 2\n"

    said = error(desk.gets("explain", image="node", tag="9"))

    assert "; catalog.yaml:2: base: expected" in said
    assert said.isprintable()


def test_every_answer_is_kept_out_of_caches():
    desk = Desk()

    answers = [ask(desk, what, token) for what in ALL for token in ("", desk.token())]

    assert {each.headers["Cache-Control"] for each in answers} == {"no-store"}


def test_whoever_has_the_role_is_returned():
    desk = Desk()

    who = signed_in(desk.machine.services, desk.token(Role.APPROVER), Role.READER)

    assert isinstance(who, Operator)
    assert who.name == "Approver"


@pytest.mark.parametrize("what", ALL)
def test_a_catalog_that_cannot_be_read_is_said_to_those_who_may_hear_it(what: str):
    desk = Desk()
    desk.machine.world.catalog.text = "images: 5"

    if what == "candidates":
        assert ask(desk, what, None).status == 200
        return
    answer = ask(desk, what, None)
    assert answer.status == 503
    assert "catalog.yaml" in error(answer)


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (Transient("table storage is busy", retry_after=7), 503),
        (Misconfigured("table rulings does not exist; deploy creates it"), 503),
        (Permanent("table rulings, row x: expected a ruling"), 500),
    ],
    ids=["transient", "misconfigured", "permanent"],
)
def test_a_table_that_fails_is_said_in_its_own_words(
    problem: Exception, status: int, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk()

    def fail(*_: object) -> None:
        raise problem

    monkeypatch.setattr(desk.machine.world.rulings, "of", fail)
    answer = desk.says("approve")

    assert answer.status == status
    assert str(problem) in error(answer)
    assert answer.headers.get("Retry-After") == ("7" if isinstance(problem, Transient) else None)


def test_a_wait_beyond_all_reason_is_no_crash(monkeypatch: pytest.MonkeyPatch):
    desk = Desk()

    def fail(*_: object) -> None:
        message = "table rulings: HTTP 429"
        raise Transient(message, retry_after=float("inf"))

    monkeypatch.setattr(desk.machine.world.rulings, "of", fail)
    answer = desk.says("deny")

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "3600"
