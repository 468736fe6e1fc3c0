"""A stable tag moved in base: ask for the rebuild of what was built on the old one."""

from handlers import catalogs, rebuilding
from handlers.traces import new_trace
from shared.events import pushed
from shared.services import Services


def handle(services: Services, data: object) -> None:
    """Find the dependants and enqueue their rebuilds; promotion asks too, the event is faster."""
    event = pushed(data)
    if event is None or not event.tag:
        return
    catalog = catalogs.current(services)
    named = catalog.image_in_base(event.repository)
    image = catalogs.watched_now(services, named) if named is not None else None
    if image is None or event.tag not in image.tags:
        return  # a unique tag, or an image that is none of ours
    base = catalog.base.repository(image.name)
    rebuilding.ask(services, catalog, base, event.tag, event.digest, new_trace())
