"""Dead and slow registries: what they cost the others, and when a visit ends."""

import asyncio
import socket
import time
from collections.abc import Iterator, Mapping

import pytest
from aiohttp import web

from shared.ports import Visit
from shared.registry.watcher import UpstreamWatcher
from shared.values import Resolved, Unresolved
from tests.contract.internet import internet
from tests.contract.scripted_looks import FOUND, WHITE, with_tags
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.scripted_tokens import ScriptedTokens
from tests.contract.serving import free_port
from tests.contract.visiting import Tag, reached, reason, resolve, visit, watcher
from tests.contract.waiting import PATIENCE

type Found = Mapping[Tag, Resolved | Unresolved]


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where connections are accepted, and nothing is ever said."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening.getsockname()[1]


@pytest.mark.parametrize("kind", ["nothing listens", "deaf", "no such name"])
def test_a_dead_registry_costs_the_others_nothing(kind: str, deaf: int):
    good, others = with_tags("good.contoso.com", 100, latency=0.005)
    with internet(good) as net:
        if kind != "no such name":
            net.place("dead.contoso.com", deaf if kind == "deaf" else free_port())
        dead = ScriptedRegistry("dead.contoso.com").repository("team/app")
        tags = [(dead, f"t{number}") for number in range(100)]
        done: dict[str, float] = {}

        async def both(here: Visit) -> list[Found]:
            async def timed(name: str, asked: list[Tag]) -> Found:
                found = await here.resolve(asked)
                done[name] = time.monotonic() - started
                return found

            started = time.monotonic()
            return list(await asyncio.gather(timed("dead", tags), timed("good", others)))

        lost, found = visit(both, by=UpstreamWatcher({}, seconds=3)).found
    assert list(found.values()) == [FOUND] * 100
    assert all("dead.contoso.com" in reason(each) for each in lost.values())
    assert kind != "deaf" or done["good"] < done["dead"]
    assert done["dead"] < 30  # of sixty: it was given up
    assert (
        len([each for each in lost.values() if each != Unresolved(reason(each), reached=False)])
        <= 12
    ), "it was asked on and on"


def test_a_registry_that_fails_every_time_is_left_alone_and_said_to():
    made, tags = with_tags("a.contoso.com", 200)
    made.script = lambda request: web.Response(status=503)
    with internet(made) as net:
        answered = visit(lambda here: here.resolve(tags))
    assert all(isinstance(each, Unresolved) for each in answered.found.values())
    assert len(net.seen) <= 40
    usage = answered.usage[made.host]
    assert usage.answered == 0
    assert "503" in usage.reason


def test_one_failure_of_a_registry_that_is_well_is_made_up_for():
    made, tags = with_tags("a.contoso.com", 20)
    failures = iter([True])
    made.script = lambda request: web.Response(status=502) if next(failures, False) else None
    with internet(made) as net:
        assert resolve(*tags) == [FOUND] * 20
    assert len(net.seen) == 21


# Deadlines


def test_answers_come_within_the_visits_seconds_and_the_rest_was_not_reached():
    made, tags = with_tags("slow.contoso.com", 1000, latency=0.5)  # for two minutes
    with internet(made):
        started = time.monotonic()
        found = resolve(*tags, seconds=4)
        took = time.monotonic() - started
    assert took < 30
    answered = [each for each in found if each == FOUND]
    assert 1 <= len(answered) <= 4 * 8
    late = [each for each in found if isinstance(each, Unresolved)]
    assert len([each for each in late if each.reached]) <= 4
    assert all("slow.contoso.com" in each.reason and "4 s" in each.reason for each in late)


@pytest.mark.parametrize("what", ["tags", "manifests"])
def test_lists_and_manifests_end_with_the_visit_too(what: str):
    made, _ = with_tags("slow.contoso.com", 3, latency=0.2)
    made.page = 1
    app = made.repository("team/app")
    made.list_tags("team/app", [f"more{number}" for number in range(500)])

    async def ask(here):
        if what == "tags":
            return [await here.tags(app, bool)]
        return (await here.manifests([(app, WHITE.digest)])).values()

    made.latency = 60 if what == "manifests" else 0.2
    with internet(made):
        started = time.monotonic()
        (found,) = visit(ask, seconds=0.6).found
    assert time.monotonic() - started < 30
    assert "slow.contoso.com" in reason(found)
    assert "0.6 s" in reason(found)


def test_a_question_after_the_end_of_the_visit_is_not_asked_at_all():
    made, tags = with_tags("a.contoso.com", 3)

    async def late(here):
        await asyncio.sleep(0.3)
        return await here.resolve(tags)

    with internet(made) as net:
        found = visit(late, seconds=0.2).found
    assert [each.reached for each in found.values()] == [False] * 3
    assert not net.seen


def test_a_visit_that_is_cancelled_leaves_nothing_running():
    made, tags = with_tags("slow.contoso.com", 20, latency=0.5)

    async def cut_short() -> int:
        async with watcher().visit({}, seconds=PATIENCE) as here:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await here.resolve(tags)
        return len(asyncio.all_tasks())

    with internet(made):
        assert asyncio.run(cut_short()) == 1


def test_two_visits_at_the_same_time_do_not_disturb_each_other():
    made, tags = with_tags(
        "a.contoso.com", 30, latency=0.005, tokens=ScriptedTokens("a.contoso.com")
    )
    by = watcher()

    async def one() -> Found:
        async with by.visit({}, seconds=PATIENCE) as here:
            return await here.resolve(tags)

    async def both() -> list[Found]:

        return list(await asyncio.gather(one(), one()))

    with internet(made) as net:
        first, second = asyncio.run(both())
    assert list(first.values()) == list(second.values()) == [FOUND] * 30
    assert len(net.to(made.host, "/token")) <= 2


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_visit_without_time_asks_nothing(seconds: float):
    made, tags = with_tags("a.contoso.com", 3)
    with internet(made) as net:
        assert not any(map(reached, resolve(*tags, seconds=seconds)))
    assert not net.seen


def test_a_visit_without_questions_costs_nothing():
    with internet() as net:
        answered = visit(lambda here: here.resolve([]))
    assert (answered.found, answered.usage, net.tried) == ({}, {}, [])
