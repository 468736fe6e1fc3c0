"""The webhook's HTTP answer, and the looks it asks for."""

import dataclasses
import hmac
import json
from collections.abc import Mapping
from urllib.parse import urlencode

import azure.functions as func
import pytest

import function_app
from handlers import upstream_pushed
from shared.errors import Misconfigured
from shared.messages import LARGEST, WATCH, WatchMessage, decode
from tests import webhook_bodies as bodies
from tests.fakes import World, world

CATALOG = """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
defaults: { platforms: [linux/amd64], gate: { scan: trivy, block: high, age: 0h } }
images:
  - { source: docker.io/team/shop, name: shop, tags: ["1.0"] }
  - { source: docker.io/team/shop, name: shop-old, tags: ["0.9"] }
  - { source: quay.io/team/shop, name: shop-quay, tags: ["1.0"] }
  - { source: ghcr.io/contoso/shop, name: shop-github, tags: ["1.0"] }
  - { source: harbor.contoso.com/team/shop, name: shop-harbor, tags: ["1.0"] }
  - { source: partner.azurecr.io/team/shop, name: shop-partner, tags: ["1.0"] }
  - { source: "registry.contoso.com:5000/team/shop", name: shop-plain, tags: ["1.0"] }
"""
SECRETS = """\
upstreams:
  - { registry: ghcr.io, webhook: github }
  - { registry: harbor.contoso.com, webhook: harbor }
  - { registry: quay.io, webhook: harbor }
"""
GITHUB = {"X-GitHub-Event": "package", "Content-Type": "application/json"}


def post(
    made: World, body: object, headers: Mapping[str, str] | None = None
) -> tuple[int, str, list[str]]:
    """Return the answer, and the images whose look was asked for."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, text = upstream_pushed.handle(made.services, raw, headers or {})
    assert text.endswith("\n")
    sent = made.queues.take()
    assert {each.queue for each in sent} <= {WATCH}
    looks = [decode(each.text, WatchMessage).images.split(" ") for each in sent]
    return status, text.rstrip("\n"), [name for names in looks for name in names]


def guarded(**secrets: str) -> World:
    made = world(CATALOG + SECRETS)
    made.settings = dataclasses.replace(made.settings, webhook_secrets=secrets)
    return made


def signed(body: bytes, secret: str, headers: Mapping[str, str] = GITHUB) -> dict[str, str]:
    made = hmac.new(secret.encode(), body, "sha256").hexdigest()
    return {**headers, "X-Hub-Signature-256": f"sha256={made}"}


@pytest.mark.parametrize(
    ("body", "headers", "name"),
    [
        (bodies.docker_hub(), {}, "shop"),
        (bodies.github(), GITHUB, "shop-github"),
        (bodies.quay(), {}, "shop-quay"),
        (bodies.harbor(), {}, "shop-harbor"),
        (bodies.harbor_cloud_event(), {}, "shop-harbor"),
        (bodies.acr(), {}, "shop-partner"),
        (bodies.distribution(), {}, "shop-plain"),
    ],
)
def test_each_senders_webhook_has_just_its_image_looked_at(body, headers, name):
    assert post(world(CATALOG), body, headers) == (202, f"looking at {name}", [name])


def test_it_asks_and_does_not_look_itself():
    made = world(CATALOG)
    post(made, bodies.docker_hub())
    assert made.upstreams.visits == []


def test_a_body_without_a_host_has_every_image_of_that_repository_looked_at():
    body = bodies.acr()
    del body["request"]
    names = ["shop", "shop-quay", "shop-harbor", "shop-partner", "shop-plain"]
    assert post(world(CATALOG), body) == (202, f"looking at {', '.join(names)}", names)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (bodies.docker_hub("team/other"), "no image is watched at team/other"),
        (bodies.docker_hub(tag="2.0"), "no image is watched at team/shop"),
        (bodies.acr(host="elsewhere.azurecr.io"), "no image is watched at team/shop"),
        (bodies.ACR_PING, "it tells of no push"),
        (bodies.distribution(bodies.event(action="pull")), "it tells of no push"),
    ],
)
def test_what_concerns_no_image_is_received_and_done_with(body, said):
    assert post(world(CATALOG), body) == (200, f"nothing to do: {said}", [])


def test_a_github_ping_is_answered():
    answer = post(world(CATALOG), bodies.GITHUB_PING, {"X-GitHub-Event": "ping"})
    assert answer == (200, "nothing to do: it tells of no push", [])


def test_githubs_default_content_type_is_understood():
    made = guarded(github="s", harbor="h")
    body = urlencode({"payload": json.dumps(bodies.github())}).encode()
    form = {**GITHUB, "Content-Type": "application/x-www-form-urlencoded"}
    assert post(made, body, signed(body, "s", form))[2] == ["shop-github"]
    assert post(made, body, form)[0] == 401


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"not JSON", 400, "in JSON"),
        (b"[" * 100_000, 400, "in JSON"),
        (b" " * (1024 * 1024 + 1), 413, "at most 1048576 bytes, found 1048577"),
        (b"{}", 400, "expected a push webhook of one of Docker Hub, GitHub, Quay"),
        (b"[1]", 400, "found another JSON"),
    ],
)
def test_a_body_that_is_no_webhook_is_refused_with_a_sentence(body, status, said):
    found, text, looks = post(world(CATALOG), body)
    assert (found, looks) == (status, [])
    assert said in text


def test_many_images_fit_their_messages_and_a_short_answer():
    paths = [f"team/{'x' * 200}{number}" for number in range(1000)]
    images = "".join(f'  - {{ source: docker.io/{path}, tags: ["1"] }}\n' for path in paths)
    made = world(CATALOG + images)
    events = [bodies.event(path, "1", host="docker.io") for path in paths]
    raw = json.dumps(bodies.distribution(*events)).encode()
    upstream_pushed.handle(made.services, raw, {})
    sent = made.queues.take()
    assert 1 < len(sent) < 10
    assert all(len(each.text) <= LARGEST for each in sent)
    messages = [decode(each.text, WatchMessage) for each in sent]
    assert len({each.trace for each in messages}) == 1
    assert [name for each in messages for name in each.images.split(" ")] == paths
    status, text, _ = post(made, raw)
    assert status == 202
    assert text.endswith(" and 980 more")


# Secrets.


def test_a_right_signature_lets_a_push_in_and_a_wrong_one_does_not():
    made = guarded(github="s", harbor="h")
    raw = json.dumps(bodies.github()).encode()
    assert post(made, raw, signed(raw, "s"))[::2] == (202, ["shop-github"])
    status, text, looks = post(made, raw, signed(raw, "wrong"))
    assert (status, looks) == (401, [])
    assert text == (
        "webhooks about ghcr.io need a proof: expected the header X-Hub-Signature-256 made with "
        "the webhook's secret, found another"
    )


def test_harbor_sends_the_secret_as_it_is():
    made = guarded(github="s", harbor="h")
    assert post(made, bodies.harbor(), {"Authorization": "h"})[::2] == (202, ["shop-harbor"])
    assert post(made, bodies.harbor())[::2] == (401, [])


def test_the_answer_without_proof_does_not_tell_which_images_there_are():
    made = guarded(github="s", harbor="h")
    for known, unknown, headers in (
        (bodies.github(), bodies.github("contoso/other"), GITHUB),
        (bodies.harbor(), bodies.harbor("team/other"), {"Authorization": "wrong"}),
        (bodies.quay(), bodies.quay("team/other"), {}),
    ):
        assert post(made, known, headers) == post(made, unknown, headers)
        assert post(made, known, headers)[0] == 401


def test_no_other_shape_gets_past_a_registrys_secret():
    made = guarded(github="s", harbor="h")
    for host in ("ghcr.io", "GHCR.io", "ghcr.io:443"):
        assert post(made, bodies.acr("contoso/shop", host=host))[::2] == (401, [])
    forged = bodies.github()
    forged["package"]["package_version"]["package_url"] = "harbor.contoso.com/team/shop:1.0"
    raw = json.dumps(forged).encode()
    assert post(made, raw, signed(raw, "s"))[::2] == (401, [])


def test_a_body_without_a_host_reaches_only_registries_that_ask_for_nothing_or_were_shown_it():
    made = guarded(github="s", harbor="h")
    body = bodies.acr()
    del body["request"]
    status, text, looks = post(made, body)
    assert (status, looks) == (202, ["shop", "shop-partner", "shop-plain"])
    for registry in ("ghcr.io", "harbor.contoso.com", "quay.io"):
        assert f"webhooks about {registry} need a proof" in text
    _, _, looks = post(made, body, {"Authorization": "Bearer h"})
    assert looks == ["shop", "shop-quay", "shop-harbor", "shop-partner", "shop-plain"]


def test_a_ping_shows_whether_the_secret_is_right():
    made = guarded(github="s", harbor="h")
    raw, ping = json.dumps(bodies.GITHUB_PING).encode(), {"X-GitHub-Event": "ping"}
    assert post(made, raw, signed(raw, "s", ping))[0] == 200
    assert post(made, raw, ping)[0] == 401


def test_a_secret_the_settings_lack_is_a_fault_and_lets_nothing_in():
    made = guarded(harbor="h")
    with pytest.raises(Misconfigured, match="WEBHOOK_GITHUB_SECRET"):
        post(made, bodies.github(), GITHUB)
    assert made.queues.sent == []
    assert post(made, bodies.docker_hub())[2] == ["shop"]


def test_the_function_hands_over_the_raw_body_and_the_headers(monkeypatch):
    made = guarded(github="s", harbor="h")
    monkeypatch.setattr("shared.services.services", lambda: made.services)
    raw = json.dumps(bodies.github()).encode()
    function = function_app.upstream_pushed.build().get_user_function()

    def answered(headers: dict[str, str]) -> tuple[int, str]:
        request = func.HttpRequest("POST", "https://app/x", headers=headers, body=raw)
        response = function(request)
        return response.status_code, response.get_body().decode()

    assert answered(signed(raw, "s")) == (202, "looking at shop-github\n")
    assert answered(GITHUB)[0] == 401
