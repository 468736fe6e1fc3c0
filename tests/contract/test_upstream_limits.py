"""Limits: how many requests at a time, how many a second, pauses and quotas."""

import asyncio
import email.utils
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from shared.catalog import Upstream
from shared.values import Unresolved
from tests.contract.internet import internet
from tests.contract.scripted_looks import FOUND, WHITE, with_tags
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.scripted_tokens import ScriptedTokens
from tests.contract.visiting import reason, resolve, visit

# How many at a time, how many a second


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_no_more_requests_at_a_time_than_the_catalog_says(limit: int):
    made, tags = with_tags("registry.contoso.com", 40, latency=0.01, together=limit)
    with internet(made):
        found = resolve(*tags, upstreams=(Upstream(made.host, concurrency=limit),))
    assert found == [FOUND] * 40
    assert made.peak == limit


def test_what_the_catalog_does_not_say_is_four_at_a_time_for_each_registry():
    first, tags = with_tags("a.contoso.com", 20, latency=0.01, together=4)
    second, others = with_tags("b.contoso.com", 20, latency=0.01, together=4)
    with internet(first, second):
        assert resolve(*tags, *others) == [FOUND] * 40
    assert (first.peak, second.peak) == (4, 4)


def test_tokens_of_the_registrys_own_host_are_within_its_limit():
    tokens = ScriptedTokens("registry.contoso.com")
    made = ScriptedRegistry("registry.contoso.com", latency=0.05, tokens=tokens)
    tags = []
    for number in range(30):
        made.push(f"team/app{number}", "1", WHITE)
        tags.append((made.repository(f"team/app{number}"), "1"))
    with internet(made):
        assert resolve(*tags, upstreams=(Upstream(made.host, concurrency=2),)) == [FOUND] * 30
    assert made.peak == 2


def test_questions_asked_at_the_same_time_share_the_limit():
    made, tags = with_tags("registry.contoso.com", 20, latency=0.02, together=3)
    app = made.repository("team/app")

    async def all_at_once(here):
        lists = (here.tags(app, bool) for _ in range(6))
        manifests = here.manifests([(app, WHITE.digest)])
        return await asyncio.gather(here.resolve(tags[:10]), here.resolve(tags), manifests, *lists)

    with internet(made):
        found = visit(all_at_once, Upstream(made.host, concurrency=3)).found
    assert not any(isinstance(each, Unresolved) for each in found)
    assert made.peak == 3


def test_no_more_requests_a_second_than_the_catalog_says():
    made, tags = with_tags("registry.contoso.com", 25)
    with internet(made) as net:
        began = time.monotonic()
        assert resolve(*tags, upstreams=(Upstream(made.host, rate=20),)) == [FOUND] * 25
    # None comes before its turn; one that was held up on its way may come close to the next.
    waited = sorted(each.at - began for each in net.to(made.host))
    assert all(each >= number / 20 for number, each in enumerate(waited))


# Pauses


@pytest.mark.parametrize("form", ["60", "date", ""])
def test_429_pauses_that_registry_and_the_others_go_on(form: str):
    bad, tags = with_tags("a.contoso.com", 60, latency=0.005)
    good, others = with_tags("b.contoso.com", 60, latency=0.005)
    began = datetime.now(UTC)
    until = began + timedelta(seconds=60)
    wait = email.utils.format_datetime(until, usegmt=True) if form == "date" else form
    headers = {"Retry-After": wait} if wait else {}
    bad.script = lambda request: web.Response(status=429, headers=headers)
    with internet(bad, good) as net:
        answered = visit(lambda here: here.resolve([*tags, *others]))
    assert [answered.found[each] for each in others] == [FOUND] * 60
    paused = [answered.found[each] for each in tags]
    assert all("a.contoso.com" in reason(each) for each in paused)
    assert len([each for each in paused if isinstance(each, Unresolved) and not each.reached]) >= 56
    assert len(net.to(bad.host)) <= 4
    usage = answered.usage[bad.host]
    assert usage.paused_until is not None
    assert timedelta(seconds=58) <= usage.paused_until - began
    assert usage.paused_until - datetime.now(UTC) <= timedelta(seconds=61)
    assert "429" in usage.reason
    assert answered.usage[good.host].paused_until is None


@pytest.mark.parametrize(
    "wait",
    ["0", "Mon, 01 Jan 2001 00:00:00 GMT", "-5", "1e9", "soon", "9" * 400, "Mon, 99 Foo 2026"],
)
def test_a_retry_after_that_is_nonsense_still_pauses_for_a_while(wait: str):
    bad, tags = with_tags("a.contoso.com", 10)
    bad.script = lambda request: web.Response(status=429, headers={"Retry-After": wait})
    with internet(bad) as net:
        usage = visit(lambda here: here.resolve(tags)).usage[bad.host]
    assert len(net.seen) <= 4
    assert usage.paused_until is not None
    assert usage.paused_until < datetime.now(UTC) + timedelta(hours=24)


def test_a_429_of_the_token_service_pauses_the_registry():
    tokens = ScriptedTokens("auth.docker.io")
    made, _ = with_tags("registry-1.docker.io", 1, tokens=tokens)
    busy = ScriptedRegistry("auth.docker.io")
    busy.script = lambda request: web.Response(status=429, headers={"Retry-After": "60"})
    app = replace(made.repository("team/app"), registry="docker.io")
    tags = [(replace(app, path=f"library/app{number}"), "1") for number in range(40)]
    with internet(made, busy) as net:
        answered = visit(lambda here: here.resolve(tags))
    assert all("docker.io" in reason(each) for each in answered.found.values())
    assert len(net.to(busy.host)) <= 4
    assert answered.usage["docker.io"].paused_until is not None


def test_a_pause_holds_for_every_question_of_the_visit():
    made, tags = with_tags("a.contoso.com", 5)
    made.script = lambda request: web.Response(status=429, headers={"Retry-After": "60"})
    app = made.repository("team/app")

    async def one_after_the_other(here):
        await here.resolve(tags)
        return await here.tags(app, bool), await here.manifests([(app, WHITE.digest)])

    with internet(made) as net:
        listed, manifests = visit(one_after_the_other).found
    assert not listed.reached
    assert not manifests[app, WHITE.digest].reached
    assert len(net.seen) <= 4


# Quotas


def _draining(made: ScriptedRegistry, left: int) -> None:
    """Let every manifest request cost one pull of these."""
    state = [left]

    def script(request: web.Request) -> web.StreamResponse | None:
        state[0] -= 1
        made.headers["ratelimit-remaining"] = f"{state[0]};w=21600"
        return web.Response(status=429) if state[0] < 0 else None

    made.script = script
    made.headers["ratelimit-limit"] = "100;w=21600"


def test_requests_that_count_stop_when_the_quota_is_at_the_reserve():
    made, tags = with_tags("registry.contoso.com", 60)
    _draining(made, 30)
    with internet(made) as net:
        answered = visit(lambda here: here.resolve(tags), Upstream(made.host, reserve=10))
    # Four may go before the first answer says that there is a quota at all.
    assert 20 <= len(net.seen) <= 24
    assert answered.usage[made.host].remaining == 30 - len(net.seen)
    left_out = [each for each in answered.found.values() if isinstance(each, Unresolved)]
    assert len(left_out) == 60 - len(net.seen)
    assert not any(each.reached for each in left_out)
    assert all("10" in each.reason and "reserve" in each.reason for each in left_out)
