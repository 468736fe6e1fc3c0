"""A registry's URLs: its own, and those it redirects to."""

import re
from urllib.parse import urljoin

from yarl import URL

from shared.errors import Permanent
from shared.registry.addresses import is_literal

_WRITTEN = re.compile(r"[!-~]{1,8000}")  # RFC 3986 has no space and nothing beyond ASCII


def followed(url: URL, target: str, own: str) -> URL:
    """Return where a redirect leads: https, and never to a bare address elsewhere (no metadata service).

    Raises Permanent. What it shows of the target is its scheme and host: the rest may be a secret.
    """
    try:
        if not _WRITTEN.fullmatch(target):
            raise ValueError
        found = URL(urljoin(str(url), target), encoded=True)
        host, is_elsewhere = found.host or "", authority(found) != own
    except ValueError:
        message = f"{authority(url)}: refused its redirect: it leads to no URL"
        raise Permanent(message) from None
    if found.scheme != "https" or not host or found.user is not None or found.password is not None:
        shown = f"{found.scheme}://{host}"[:100]
        message = f"{authority(url)}: refused its redirect to {shown!r}"
        raise Permanent(message)
    if is_elsewhere and is_literal(host):
        message = f"{authority(url)}: refused its redirect to the address {host[:100]!r}"
        raise Permanent(message)
    return found


def base(host: str) -> URL | None:
    """Return a registry's URL; None if it cannot have one."""
    try:
        return URL(f"https://{host}")
    except ValueError:  # the grammar of references knows no limit to a port
        return None


def authority(url: URL) -> str:
    """Return the host, and the port unless it is 443."""
    return (url.host_port_subcomponent or "").lower()


def repository(url: URL) -> str:
    """Return the repository that a URL of another registry is about, for its token's scope."""
    path = url.path.removeprefix("/v2/")
    for part in ("/manifests/", "/tags/", "/referrers/"):
        if part in path:
            return path.rpartition(part)[0]
    return path
