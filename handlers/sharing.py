"""A catalog too large for one watch is shared among instances, over the queue `watch`."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from shared.catalog import Image
from shared.messages import WATCH, WatchMessage, encode
from shared.services import Services
from shared.values import Row

SUBJECT = "watch"  # the ledger's, for what concerns all images
_ROUND = "!round"  # its row that names the round whose messages count; no image has such a name
_SHARE = 500  # tags in one message
_ROOM = 40_000  # bytes of names in one message
_RULE_WEIGHT = 20  # tags a rule without `newest` is taken to choose


def weight(image: Image) -> int:
    """Return about how many tags the image is watched under; only its upstream's list would tell."""
    rule = image.rule
    return len(image.tags) + (0 if rule is None else rule.newest or _RULE_WEIGHT)


def share(services: Services, images: tuple[Image, ...], trace: str) -> None:
    """Have instances share the work, in messages of about as many tags each.

    What is left of the round before is given up, as this one has all of its images. So a catalog that takes
    longer than the timer's pause fills no queue.
    """
    services.ledger.upsert(Row(SUBJECT, _ROUND, {"round": trace}))
    for names in batched({each.name: weight(each) for each in images}):
        ask(services, names, trace, part_of=trace)


def is_current(services: Services, part_of: str) -> bool:
    """Tell whether a message belongs to the timer's newest round, or to none."""
    rows = services.ledger.rows(SUBJECT)
    newest = next((str(row.values["round"]) for row in rows if row.key == _ROUND), part_of)
    return part_of in ("", newest)


def batched(weights: Mapping[str, int]) -> Iterator[list[str]]:
    """Put images, by name with their tags, into as few messages as they fit in."""
    batch: list[str] = []
    tags, size = 0, 0
    for name, its_tags in weights.items():
        if batch and (tags + its_tags > _SHARE or size + len(name) + 1 > _ROOM):
            yield batch
            batch, tags, size = [], 0, 0
        batch.append(name)
        tags, size = tags + its_tags, size + len(name) + 1
    if batch:
        yield batch


def ask(
    services: Services,
    names: Iterable[str],
    trace: str,
    *,
    part_of: str = "",
    delay: timedelta = timedelta(),
) -> None:
    """Ask for these images to be watched, as a part of a round or for themselves."""
    message = WatchMessage(" ".join(names), trace, part_of)
    services.queues.send(WATCH, encode(message), delay=delay)
