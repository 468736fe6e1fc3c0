"""Which manifest a report says it is about, and whether that is the one asked for."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from shared.oci.digest import Digest
from shared.reports.findings import InvalidReport

_DIGEST = re.compile(r"(?:.*@)?(sha256:[0-9a-f]{64})")


class AboutAnother(InvalidReport):
    """A report that is whole, it may be, and not about the manifest asked for; `claims` are what it names."""

    def __init__(self, message: str, claims: frozenset[Digest]) -> None:
        super().__init__(message)
        self.claims = claims


def digests(texts: Iterable[str]) -> frozenset[Digest]:
    """Return the digests that stand alone, or end a reference or the name of an OCI purl."""
    plain = (unquote(each).split("?")[0] for each in texts)
    return frozenset(Digest(match[1]) for each in plain if (match := _DIGEST.fullmatch(each)))


def claimed(
    named: Iterable[str], listed: Iterable[str], expected: Digest | None, place: str
) -> Digest | None:
    """Return the digest a report is about; with an `expected` one, it must be that, or AboutAnother.

    `named` is what the scanner was told to examine or says it did. `listed` are the digests by
    which some store knows that image: they count if nothing is named and there is only one.
    """
    claims = digests(named)
    if not claims and len(others := digests(listed)) == 1:
        claims = others
    if expected in claims:
        return expected
    if expected is not None:
        found = " and ".join(map(str, sorted(claims))) or "none"
        message = f"{place}: expected a report about {expected}, found one about {found}"
        raise AboutAnother(message, claims)
    return next(iter(claims)) if len(claims) == 1 else None
