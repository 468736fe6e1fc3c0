"""Gathering what is excused in a candidate: the catalog's waivers, and the VEX documents beside it."""

from functools import lru_cache

from shared.catalog import Catalog, Image
from shared.errors import Misconfigured
from shared.oci.digest import Digest
from shared.policy import waiving
from shared.policy.facts import Staged
from shared.policy.waiving import Excuse
from shared.services import Services
from shared.vex import reading
from shared.vex.statements import Statement


def gathered(
    services: Services, catalog: Catalog, image: Image, digest: Digest, staged: Staged | None
) -> tuple[Excuse, ...]:
    """Return what is excused in this digest of the image, in force or not.

    Raises Misconfigured when a VEX document cannot be read: as with the catalog itself, nothing is judged then.
    Leaving it out would not be the strict thing to do: it may hold what takes an excuse back, and without its
    excuses a candidate is called a fix that is none. The sweep says so (handlers/waivers.py).
    """
    return waiving.excuses(
        catalog.waivers,
        statements(services, catalog),
        image,
        digest,
        staged.platforms if staged is not None else {},
        (catalog.staging.repository(image.name), catalog.base.repository(image.name)),
    )


def statements(services: Services, catalog: Catalog) -> tuple[Statement, ...]:
    """Return all VEX statements, in the order of the catalog's files. Raises Misconfigured."""
    read = (_read(name, services.catalog_source.file(name)) for name in catalog.vex)
    return tuple(each for one in read for each in one)


def _read(name: str, raw: bytes) -> tuple[Statement, ...]:
    try:
        return _parsed(name, raw)
    except reading.InvalidVex as error:
        message = f"{error}; nothing is judged until this VEX document can be read"
        raise Misconfigured(message) from error


@lru_cache(maxsize=512)  # more than a catalog names, or every look would read them all anew
def _parsed(name: str, raw: bytes) -> tuple[Statement, ...]:
    return reading.read(name, raw)
