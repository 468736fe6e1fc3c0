"""The operators' functions as the host calls them: a request in, JSON out, and only a token opens them."""

import json
from collections.abc import Callable

import azure.functions as func
import pytest

import function_app
from shared import services
from shared.operators import Role
from tests.operating import ENDPOINTS, JSON, LISTS, Desk

ALL = sorted([*ENDPOINTS, *LISTS])


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(services, "services", lambda: made.machine.services)
    return made


def call(what: str, desk: Desk, **headers: str) -> func.HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    what_of = {"image": "node", "digest": str(desk.digest)}
    request = func.HttpRequest(
        "POST" if what in ENDPOINTS else "GET",
        f"https://breakwater.azurewebsites.net/api/{what}",
        headers=named,
        params=what_of if what == "explain" else {},
        body=json.dumps({**what_of, "comment": "why"}).encode(),
    )
    built = getattr(function_app, f"api_{what}")
    function: Callable[[func.HttpRequest], func.HttpResponse] = built.build().get_user_function()
    return function(request)


@pytest.mark.parametrize("what", ALL)
def test_an_operator_is_answered_in_json(what: str, desk: Desk):
    response = call(what, desk, AUTHORIZATION=desk.token(Role.OPERATOR), Content_Type=JSON)

    assert response.status_code == 200
    assert response.mimetype == JSON
    assert response.headers["Cache-Control"] == "no-store"
    assert json.loads(response.get_body())["told"]


@pytest.mark.parametrize("what", ALL)
def test_a_function_key_alone_is_nobody(what: str, desk: Desk):
    response = call(what, desk, x_functions_key="the master key", Content_Type=JSON)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert json.loads(response.get_body())["error"]
    assert desk.rulings == []
