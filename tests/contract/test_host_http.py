"""The functions host's front: HTTP functions, keys, the Event Grid webhook, timers and the admin API."""

from pathlib import Path

import pytest
import requests

from tests.contract.host_world import KEYS, MASTER, Host, ended, host
from tests.contract.waiting import PATIENCE

APP = """
import json, logging, os, sys, time
import azure.functions as func

app = func.FunctionApp()

@app.route("hello/{name}/{count:int?}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def hello(req: func.HttpRequest) -> func.HttpResponse:
    found = {"params": dict(req.route_params), "query": dict(req.params), "method": req.method,
             "body": req.get_body().decode(), "header": req.headers.get("X-Thing"), "url": req.url}
    return func.HttpResponse(json.dumps(found), status_code=201, mimetype="application/json",
                             headers={"X-Back": "yes"})

@app.route("files/{*path}", auth_level=func.AuthLevel.FUNCTION)
async def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params.get("path", "nothing"))

@app.route("secret", auth_level=func.AuthLevel.ADMIN)
def secret(req): return func.HttpResponse("for the master")

@app.route("sniffed", auth_level=func.AuthLevel.ANONYMOUS)
def sniffed(req): return '{"statusCode": 418, "body": "teapot"}'

@app.route("broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req): raise ValueError("no luck")

@app.route("cookie", auth_level=func.AuthLevel.ANONYMOUS)
def cookie(req): return func.HttpResponse("ok", headers={"Set-Cookie": "a=b; Path=/; HttpOnly; Max-Age=60"})

@app.route("off", auth_level=func.AuthLevel.ANONYMOUS)
def off(req): return func.HttpResponse("on")

@app.event_grid_trigger(arg_name="event")
def grid(event: func.EventGridEvent):
    logging.info("event %s %s", event.id, event.get_json()["n"])
    if event.get_json()["n"] == "bad":
        raise RuntimeError("bad event")

@app.timer_trigger(arg_name="timer", schedule="%EVERY%")
def tick(timer: func.TimerRequest):
    logging.info("tick past_due=%s", timer.past_due)

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
async def yearly(timer: func.TimerRequest):
    logging.getLogger("mine").warning("a new year, %s", timer.schedule_status)
    print("printed by hand")
"""
VALUES = {
    "EVERY": "* * * * * *",
    "AzureWebJobs.off.Disabled": "1",
}


def event(n: str) -> dict[str, object]:
    return {
        "id": f"id-{n}",
        "topic": "t",
        "subject": "s",
        "eventType": "X",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "1.0",
        "data": {"n": n},
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    with host(tmp_path_factory.mktemp("http"), APP, values=VALUES) as started:
        yield started.ready()


def get(running: Host, path: str, **headers: str) -> requests.Response:
    return requests.get(running.url + path, headers=headers, timeout=PATIENCE)


def test_a_route_hands_over_its_values_the_query_the_body_and_the_headers(running):
    answer = requests.post(
        f"{running.url}/api/hello/J%C3%BCrgen/7?a=1&empty=",
        data="body",
        headers={"X-Thing": "thing"},
        timeout=PATIENCE,
    )
    assert answer.status_code == 201
    assert answer.headers["X-Back"] == "yes"
    assert answer.headers["Content-Type"].startswith("application/json")
    found = answer.json()
    assert found["params"] == {"name": "Jürgen", "count": "7"}
    assert found["query"] == {"a": "1"}
    assert (found["method"], found["body"], found["header"]) == ("POST", "body", "thing")
    assert found["url"].startswith(running.url)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/hello/a", 201),
        ("GET", "/API/Hello/a", 201),
        ("GET", "/api/hello/a/seven", 404),
        ("GET", "/api/hello", 404),
        ("PUT", "/api/hello/a", 404),
        ("GET", "/api/off", 404),
        ("GET", "/hello/a", 404),
        ("GET", "/", 200),
    ],
)
def test_what_no_route_matches_is_not_found(running, method, path, status):
    assert requests.request(method, running.url + path, timeout=PATIENCE).status_code == status


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/files/a/b", "", 401),
        ("/api/files/a/b", "wrong", 401),
        ("/api/files/a/b", KEYS["function"], 200),
        ("/api/files/a/b", KEYS["master"], 200),
        ("/api/files/a/b", KEYS["eventgrid_extension"], 401),
        ("/api/secret", KEYS["function"], 401),
        ("/api/secret", KEYS["master"], 200),
        ("/admin/host/status", "", 401),
        ("/admin/host/status", KEYS["function"], 401),
        ("/admin/functions", KEYS["master"], 200),
        ("/admin/host/ping", "", 200),
    ],
)
def test_keys_open_what_they_are_for(running, path, key, status):
    assert get(running, path, **({"x-functions-key": key} if key else {})).status_code == status
    if key:
        assert get(running, f"{path}?code={key}").status_code == status


def test_a_catch_all_takes_the_rest_of_the_path(running):
    assert get(running, "/api/files/a/b%20c", **MASTER).text == "a/b c"
    assert get(running, "/api/files", **MASTER).text == "nothing"


def test_a_failing_function_answers_an_empty_500_and_its_trace_is_logged(running):
    answer = get(running, "/api/broken")
    assert (answer.status_code, answer.content) == (500, b"")
    running.sees("Exception while executing function: Functions.broken.")
    running.sees("ValueError: no luck")


def test_text_that_looks_like_a_response_is_taken_for_one(running):
    answer = get(running, "/api/sniffed")
    assert (answer.status_code, answer.text) == (418, "teapot")


def test_cookies_are_set(running):
    assert get(running, "/api/cookie").cookies["a"] == "b"


def post_events(running: Host, body: object, kind: str, query: str = "") -> requests.Response:
    query = query or f"functionName=grid&code={KEYS['eventgrid_extension']}"
    return requests.post(
        f"{running.url}/runtime/webhooks/EventGrid?{query}",
        json=body,
        headers={"aeg-event-type": kind},
        timeout=PATIENCE,
    )


def test_the_handshake_is_answered_with_its_code(running):
    body = [event("x") | {"data": {"validationCode": "512d38b6"}}]
    answer = post_events(running, body, "SubscriptionValidation")
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "512d38b6"})


def test_the_cloud_events_handshake_names_the_origin(running):
    url = f"{running.url}/runtime/webhooks/eventgrid?functionName=grid&code=the-grid"
    answer = requests.options(url, timeout=PATIENCE)
    assert answer.headers["Webhook-Allowed-Origin"] == "eventgrid.azure.net"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ([event("one"), event("two")], "Notification", 202),
        (event("three"), "notification", 202),
        ([event("good"), event("bad")], "Notification", 500),
        ([], "Unsubscribe", 202),
        ([event("four")], "Other", 400),
    ],
)
def test_notifications_run_the_function_once_per_event(running, body, kind, status):
    answer = post_events(running, body, kind)
    assert answer.status_code == status
    if status == 202 and kind.lower() == "notification":
        assert answer.text == ""
        for each in body if isinstance(body, list) else [body]:
            running.sees(f"event {each['id']}")
    if status == 500:
        assert answer.text == "Exception while executing function: Functions.grid"


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("functionName=grid&code=wrong", 401, ""),
        ("functionName=nobody&code=the-grid", 404, "cannot find function: 'nobody'"),
        ("functionName=Grid&code=the-grid", 404, "cannot find function: 'Grid'"),
        ("functionName=tick&code=the-grid", 404, "cannot find function: 'tick'"),
    ],
)
def test_the_webhook_wants_its_key_and_an_event_grid_function(running, query, status, text):
    answer = post_events(running, [event("x")], "Notification", query)
    assert (answer.status_code, answer.text) == (status, text)


def test_a_timer_fires_on_its_schedule(running):
    running.sees("tick past_due=False", times=2)
    running.sees("Executing 'Functions.tick' (Reason='Timer fired at ")
    running.sees("Executed 'Functions.tick' (Succeeded, Id=")


def test_a_timer_runs_at_once_when_an_operator_asks(running):
    assert "a new year" not in running.log
    running.run_now("yearly")
    running.sees("a new year")
    running.sees("This function was programmatically called via the host APIs.")
    running.sees("[worker] printed by hand")
    line = next(line for line in running.log.splitlines() if "a new year" in line)
    assert "[yearly " in line
    assert "WARNING" in line


def test_an_event_grid_function_runs_when_an_operator_asks(running):
    running.run_now(
        "grid",
        '{"id": "asked", "data": {"n": "1"}, "subject": "", "eventType": "", '
        '"topic": "", "dataVersion": "", "eventTime": "2026-01-01T00:00:00Z"}',
    )
    running.sees("event asked 1")


def test_the_admin_api_says_what_runs(running):
    assert get(running, "/admin/host/status", **MASTER).json()["state"] == "Running"
    functions = {f["name"]: f for f in get(running, "/admin/functions", **MASTER).json()}
    assert functions["off"]["isDisabled"]
    assert functions["hello"]["invoke_url_template"].endswith("/api/hello/{name}/{count:int?}")
    assert functions["tick"]["config"]["bindings"][0]["schedule"] == "* * * * * *"
    key = get(running, "/admin/host/systemkeys/eventgrid_extension", **MASTER).json()["value"]
    assert key == KEYS["eventgrid_extension"]
    url = f"{running.url}/admin/functions/"
    for name, headers, status in (
        ("nobody", MASTER, 404),
        ("hello", MASTER, 501),
        ("tick", {}, 401),
    ):
        answer = requests.post(url + name, json={}, headers=headers, timeout=PATIENCE)
        assert answer.status_code == status


def test_the_table_of_functions_is_printed(running):
    assert f"hello: [GET,POST] {running.url}/api/hello/{{name}}/{{count:int?}}" in running.log
    assert "\tgrid: eventGridTrigger" in running.log
    assert "off: [*]" in running.log
    assert "Auth level is not applied" not in running.log


def test_an_app_that_cannot_be_indexed_stops_the_host(tmp_path: Path):
    with host(tmp_path, APP, values=VALUES | {"EVERY": "%NEVER"}) as started:
        assert ended(started) == 1
        assert "The 'tick' function is in error: " in started.log


def test_bad_input_is_named(tmp_path: Path):
    with host(tmp_path, "", host_json={"version": "1.0"}) as started:
        assert ended(started) == 2
        assert "host.json: version: expected \"2.0\", found '1.0'" in started.log


def test_without_keys_nobody_needs_one(tmp_path: Path):
    with host(tmp_path, APP, values=VALUES, keys=None) as started:
        started.ready()
        assert get(started, "/api/secret").status_code == 200
        assert get(started, "/admin/host/status").status_code == 200


def test_a_missed_run_is_made_up_for_when_the_status_is_kept(tmp_path: Path):
    status = tmp_path / "status.json"
    status.write_text(
        '{"yearly": {"last": "2020-01-01T00:00:00+00:00", "next": "2021-01-01T00:00:00+00:00",'
        ' "updated": "2020-01-01T00:00:00+00:00", "schedule": "0 0 0 1 1 *"}}'
    )
    with host(tmp_path, APP, "--timer-status", str(status), values=VALUES) as started:
        started.sees("UnscheduledInvocationReason: IsPastDue")
        started.sees("a new year, {'Last': '2020-01-01T00:00:00+00:00'")
    assert '"next": "2021' not in status.read_text()
