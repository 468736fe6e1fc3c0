"""Package URLs: what VEX documents call an image, and a package in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from shared.vex.statements import Package

_LONGEST = 2000  # characters
_TYPE = re.compile(r"[a-z][a-z0-9.+-]{0,49}")
_KEY = re.compile(r"[a-z][a-z0-9._-]{0,49}")
# Their namespace is the distribution, which is no part of the name that reports show.
_DISTRIBUTIONS = frozenset({"deb", "rpm", "apk", "alpm", "opkg", "bitnami"})
# What names an image: the docker type is an image on Docker Hub unless it says where (purl-spec, PURL-TYPES).
IMAGES = frozenset({"oci", "docker"})
_HUB = "docker.io"
_ALSO_HUB = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


class InvalidPurl(ValueError):
    """The text is no package URL."""


@dataclass(frozen=True, slots=True)
class Purl:
    """`pkg:type/namespace/name@version?qualifiers#subpath`, its parts decoded."""

    type: str
    namespace: str
    name: str
    version: str = ""
    qualifiers: Mapping[str, str] = field(default_factory=dict)
    subpath: str = ""


def is_purl(text: str) -> bool:
    """Tell whether the text means to be a package URL."""
    return text[:4].lower() == "pkg:"


def parse(text: str) -> Purl:
    """Parse a package URL (purl-spec, "How to parse a purl string"). Raises InvalidPurl.

    An `@` before the name must be encoded, or begin a namespace, as in `pkg:npm/@scope/name`.
    """
    try:
        return _parse(text)
    except ValueError as error:
        message = f"expected a package URL like pkg:deb/debian/openssl@3.0, found {text[:100]!r} ({error})"
        raise InvalidPurl(message) from error


def packages(purl: Purl) -> tuple[Package, ...]:
    """Return the package as reports may name it: none where it is an image, or a part of a package."""
    if purl.type in IMAGES or purl.subpath:
        return ()
    if purl.type in _DISTRIBUTIONS:
        names: tuple[str, ...] = (purl.name,)
    elif purl.type == "maven":  # Trivy says group:artifact, Grype the artifact alone
        names = (f"{purl.namespace}:{purl.name}", purl.name) if purl.namespace else (purl.name,)
    else:
        names = (f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name,)
    epoch = purl.qualifiers.get("epoch", "0") if purl.type == "rpm" else "0"
    prefixed = epoch != "0" and purl.version and ":" not in purl.version
    version = f"{epoch}:{purl.version}" if prefixed else purl.version
    return tuple(Package(name, version) for name in names)


def repository(purl: Purl) -> str:
    """Return where an image's purl says it is, as `host/path`; "" where it does not say."""
    path = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
    url = purl.qualifiers.get("repository_url", "").rstrip("/")
    if not url:
        host = purl.namespace.partition("/")[0]
        if "." in host or ":" in host:
            return canonical(path)
        return canonical(f"{_HUB}/{path}") if purl.type == "docker" else ""
    plain = url.partition("://")[2] or url
    # The type's definition has the whole repository there; some tools leave out its last part.
    return canonical(plain if f"/{plain}".endswith(f"/{path}") else f"{plain}/{path}")


def canonical(place: str) -> str:
    """Return `host/path` in one spelling: Docker Hub goes by several names, its official images by two."""
    host, _, path = place.lower().partition("/")
    if host in _ALSO_HUB or host == _HUB:
        host = _HUB
        path = path if "/" in path else f"library/{path}"
    return f"{host}/{path}"


def _parse(text: str) -> Purl:
    if len(text) > _LONGEST or not text.isprintable() or not is_purl(text):
        message = f"not pkg: and at most {_LONGEST} printable characters"
        raise ValueError(message)
    rest, _, subpath = text[4:].partition("#")
    rest, _, query = rest.partition("?")
    kind, _, path = rest.strip("/").partition("/")
    *spaces, last = path.strip("/").split("/")
    name, _, version = last.rpartition("@") if "@" in last[1:] else (last, "", "")
    if any("@" in each[1:] for each in spaces) or name.startswith("@"):
        message = "an @ before the name"
        raise ValueError(message)
    if not _TYPE.fullmatch(kind.lower()) or not name:
        message = "no type or no name"
        raise ValueError(message)
    return Purl(
        type=kind.lower(),
        namespace="/".join(_decoded(each) for each in spaces if each),
        name=_decoded(name),
        version=_decoded(version),
        qualifiers=_qualifiers(query),
        subpath=_decoded(subpath.strip("/")),
    )


def _qualifiers(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in query.split("&") if query else ():
        key, _, value = each.partition("=")
        if not _KEY.fullmatch(key.lower()) or key.lower() in found:
            message = f"qualifier {key[:40]!r}"
            raise ValueError(message)
        found[key.lower()] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    plain = unquote(text, errors="strict")
    if not plain.isprintable():
        message = "unprintable characters"
        raise ValueError(message)
    return plain
