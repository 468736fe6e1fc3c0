"""Reads a VEX document, whichever of the known formats it has."""

from itertools import chain

from shared.reports.fields import document
from shared.reports.findings import InvalidReport
from shared.vex import cyclonedx, openvex
from shared.vex.statements import InvalidVex, Statement

__all__ = ["LARGEST", "InvalidVex", "read"]

LARGEST = 1024 * 1024  # bytes
_MOST = 10_000  # what one document may excuse: ids times images times packages
_LONGEST_ID = 200  # characters


def read(name: str, raw: bytes) -> tuple[Statement, ...]:
    """Read a document of OpenVEX 0.2.0 or CycloneDX 1.4 to 1.7, in the order it was written.

    `name` is its file. Raises InvalidVex naming the file, the place in it, what was expected and what found:
    a document is read whole or not at all, as what is missing may be what takes an excuse back.
    """
    try:
        body = document(raw, LARGEST, "a VEX document")
        if "@context" in body:
            found = tuple(openvex.statements(body, name))
        elif "bomFormat" in body:
            found = tuple(cyclonedx.statements(body, name))
        else:
            keys = ", ".join(list(body)[:5])
            message = f"expected OpenVEX (@context) or CycloneDX (bomFormat), found {keys[:100]!r}"
            raise InvalidReport(message)
        _bounded(found)
    except InvalidReport as error:
        message = f"{name}: {error}"
        raise InvalidVex(message) from error
    return found


def _bounded(found: tuple[Statement, ...]) -> None:
    for bad in chain.from_iterable(each.ids for each in found):
        if not bad or len(bad) > _LONGEST_ID or not bad.isprintable():
            message = f"expected ids of 1 to {_LONGEST_ID} printable characters, found {bad[:60]!r}"
            raise InvalidReport(message)
    said = sum(
        len(each.ids) * sum(max(1, len(product.packages)) for product in each.products)
        for each in found
    )
    if said > _MOST:
        message = f"expected at most {_MOST} ids of packages of images, found {said}"
        raise InvalidReport(message)
