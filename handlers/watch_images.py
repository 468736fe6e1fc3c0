"""A share of the catalog, or an image that was pushed or is settling: watched now."""

from handlers import catalogs, sharing, watch_upstreams
from handlers.patience import patiently
from shared.messages import WATCH, WatchMessage, decode
from shared.services import Services


def handle(services: Services, text: str) -> None:
    """Watch the images a message names; those the catalog has dropped since are passed over.

    What goes wrong with an image is left to the timer, which begins with it: raising would have all
    the others asked about five times over.
    """
    message = decode(text, WatchMessage)
    names = frozenset(message.images.split(" "))

    def watch() -> None:
        if not sharing.is_current(services, message.round):
            return  # a newer round has asked for all images
        catalog = catalogs.current(services)
        images = tuple(each for each in catalog.images if each.name in names)
        watch_upstreams.watch(services, catalog, images, part_of=message.round)

    patiently(services, WATCH, text, watch)
