"""A first deployment onto two thousand tags, and the watches after it."""

import json
from dataclasses import replace

from handlers import watch_images, watch_upstreams
from shared.messages import BACKLOG, IMPORTS, WATCH
from shared.oci.reference import Repository
from tests.fakes import World, world

IMAGES, TAGS = 200, 10


def large() -> World:
    tags = ", ".join(f"'{number}'" for number in range(TAGS))
    text = """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
defaults: { gate: { scan: trivy, age: 24h } }
images:
""" + "".join(
        f"  - {{ source: docker.io/library/i{number}, tags: [{tags}] }}\n"
        for number in range(IMAGES)
    )
    made = world(text)
    for number in range(IMAGES):
        for tag in range(TAGS):
            source = Repository("docker.io", f"library/i{number}")
            made.upstreams.set(source, str(tag), content=f"{number} {tag}")
    return made


def messages(made: World, queue: str) -> list[dict[str, str]]:
    return [json.loads(each.text)["breakwater"] for each in made.queues.take(queue)]


def test_one_watch_asks_for_two_thousand_imports_once_and_costs_a_request_a_tag():
    made = large()
    watch_upstreams.handle(made.services)
    asked = messages(made, IMPORTS)
    assert len({(each["image"], each["tag"]) for each in asked}) == len(asked) == IMAGES * TAGS
    assert {each["urgency"] for each in asked} == {BACKLOG}
    (_, visit) = made.upstreams.visits[-1]
    assert visit.requests == {"docker.io": IMAGES * TAGS}

    watch_upstreams.handle(made.services)

    assert messages(made, IMPORTS) == []
    assert made.slots.held() == []


def test_beyond_the_split_the_timer_asks_nobody_and_its_messages_do_the_same_work():
    made = large()
    services = replace(made.services, settings=replace(made.settings, watch_split=1999))
    watch_upstreams.handle(services)
    assert made.upstreams.visits == []

    shares = made.queues.take(WATCH)
    assert len(shares) == IMAGES * TAGS // 500
    for share in shares:
        watch_images.handle(services, share.text)

    asked = messages(made, IMPORTS)
    assert len({(each["image"], each["tag"]) for each in asked}) == len(asked) == IMAGES * TAGS


def test_a_newer_round_drops_what_is_left_of_the_one_before():
    made = large()
    services = replace(made.services, settings=replace(made.settings, watch_split=1999))
    watch_upstreams.handle(services)
    old = made.queues.take(WATCH)
    watch_upstreams.handle(services)

    for share in old:
        watch_images.handle(services, share.text)

    assert made.upstreams.visits == []
