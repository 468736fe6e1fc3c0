"""The catalog as it is now, parsed once per text, and the tags each image is watched under now."""

from dataclasses import replace
from functools import lru_cache

from handlers import records
from shared.catalog import Catalog, Image, load
from shared.policy.selection import Chosen
from shared.services import Services


def current(services: Services) -> Catalog:
    """Return the catalog. Raises CatalogInvalid: an unreadable catalog promotes nothing."""
    return _parsed(*services.catalog_source.catalog())


def image(services: Services, catalog: Catalog, name: str) -> Image | None:
    """Return the image of this name with the tags it is watched under now, if the catalog lists it."""
    found = catalog.image(name)
    return None if found is None else watched_now(services, found)


def watched_now(services: Services, image: Image) -> Image:
    """Return the image with the tags its rule chose when upstream's list was last read."""
    if image.rule is None:
        return image
    return with_chosen(image, records.chosen(services.ledger.rows(records.subject(image.name))))


def with_chosen(image: Image, chosen: Chosen | None) -> Image:
    """Return the image with the tags the catalog names, and after them those its rule chose."""
    tags = chosen.tags if chosen is not None and image.rule is not None else ()
    return replace(image, tags=tuple(dict.fromkeys((*image.tags, *tags))))


@lru_cache(maxsize=2)
def _parsed(place: str, text: str) -> Catalog:
    return load(place, text)
