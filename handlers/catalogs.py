"""The catalog as it is now, parsed once per text."""

from functools import lru_cache

from shared.catalog import Catalog, load
from shared.services import Services


def current(services: Services) -> Catalog:
    """Return the catalog. Raises CatalogInvalid: an unreadable catalog promotes nothing."""
    return _parsed(*services.catalog_source.catalog())


@lru_cache(maxsize=2)
def _parsed(place: str, text: str) -> Catalog:
    return load(place, text)
