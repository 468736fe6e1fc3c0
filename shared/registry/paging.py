"""A registry's list of tags, page by page (distribution-spec 1.1, "Listing Tags"): no I/O."""

import json
import re
from collections.abc import Iterable

from shared.oci.reference import is_tag

PAGE = 1000  # tags asked for at a time
_LINK = re.compile(
    r'\s*<([^<>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)\s*(?:,|$)'
)
_PARAMETER = re.compile(r';\s*([^\s=;,]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;,"]*)))?')


class InvalidPage(ValueError):
    """The bytes are not a page of a tag list."""


def following(headers: Iterable[str]) -> str:
    """Return where Link headers say that the next page is (RFC 8288, `rel=next`), or ""."""
    for header in headers:
        at = 0
        while match := _LINK.match(header, at):
            if any(
                name.lower() == "rel" and "next" in (quoted or token).lower().split()
                for name, quoted, token in _PARAMETER.findall(match[2])
            ):
                return match[1].strip()
            at = match.end()
            if at >= len(header):
                break
    return ""


def names(raw: bytes) -> tuple[list[str], int]:
    """Read a page's tags, and how many names it holds; `null` is none, as distribution writes it.

    A name outside OCI's grammar is skipped: nobody can ask for it, so it is no tag. Raises InvalidPage.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        message = f"expected a list of tags in JSON, found {raw[:40]!r}"
        raise InvalidPage(message) from error
    tags = body.get("tags", ()) if isinstance(body, dict) else ()
    if not isinstance(body, dict) or "tags" not in body:
        message = f"expected an object with tags, found {raw[:40]!r}"
        raise InvalidPage(message)
    if not isinstance(tags, list | None) or not all(isinstance(each, str) for each in tags or ()):
        message = "tags: expected a list of names, found something else"
        raise InvalidPage(message)
    return [each for each in tags or () if is_tag(each)], len(tags or ())


def is_name_unknown(raw: bytes) -> bool:
    """Tell whether a 404 says that there is no such repository (distribution-spec 1.1, "Error Codes")."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    errors = body.get("errors") if isinstance(body, dict) else None
    return isinstance(errors, list) and any(
        isinstance(each, dict) and each.get("code") == "NAME_UNKNOWN" for each in errors
    )
