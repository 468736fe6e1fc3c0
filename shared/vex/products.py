"""Which image, and which packages in it, a VEX document's package URLs name."""

import re
from collections.abc import Iterable
from dataclasses import replace

from shared.oci.digest import Digest
from shared.oci.platform import InvalidPlatform, Platform
from shared.vex.purls import IMAGES, Purl, repository
from shared.vex.statements import Package, Product

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def image(purl: Purl, *, excuses: bool, digest: Digest | None = None) -> Product | None:
    """Return the image that a purl names; None where it names none that can be told.

    What narrows it and cannot be checked (a tag, another version than a digest, an unknown architecture)
    counts against it: where the statement `excuses`, it is about nothing, else about more. `digest` is one
    that the document gives beside a purl without a version.
    """
    if purl.type not in IMAGES:
        return None
    unchecked = bool(purl.subpath)
    if _DIGEST.fullmatch(purl.version):
        digest = Digest(purl.version)
    elif purl.version or (digest is None and "tag" in purl.qualifiers):
        unchecked = True
    place = repository(purl)
    name = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
    found = Product(name.lower(), place, digest)
    if not excuses:
        return found
    said = [f"linux/{purl.qualifiers['arch']}"] if "arch" in purl.qualifiers else []
    said += [purl.qualifiers["platform"]] if "platform" in purl.qualifiers else []  # BuildKit's
    for each in said:
        try:
            platform = Platform.parse(each)
        except InvalidPlatform:
            unchecked = True
            continue
        unchecked |= platform.os != "linux" or found.platform not in (None, platform)
        found = replace(found, platform=platform)
    return None if unchecked else found


def within(
    product: Product, inside: Iterable[tuple[Package, ...]], *, excuses: bool
) -> Product | None:
    """Narrow an image to packages; an empty one among them is a package that cannot be told.

    Where the statement `excuses`, that one is left out; else it makes the whole image meant.
    """
    listed = tuple(inside)
    told = tuple(dict.fromkeys(package for each in listed for package in each))
    if not listed or (not excuses and not all(listed)):
        return product
    return replace(product, packages=told) if told else None
