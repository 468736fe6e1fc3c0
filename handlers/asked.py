"""What an operator asks for, read from a request's body or its query; nothing unknown gets through."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.plain import plain
from handlers.signed_in import Refused
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.reference import is_path

LARGEST = 16 * 1024  # bytes of a body
LONGEST = 1000  # characters of a comment
_NAMED = 5  # unknown names in one answer
_TYPE = "application/json"
_KEYS = ("image", "digest", "comment", "override")
_DIGEST = "sha256:<64 hex digits>"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody says about one digest of one image; the comment is one printable line."""

    image: str
    digest: Digest
    comment: str = ""
    override: bool = False


def asked(body: bytes, content_type: str) -> Asked:
    """Read a ruling's request. Raises Refused naming each field that is wrong, what it ought to be, what it is.

    Only JSON that says that it is JSON: no page of another site can have a browser send that unasked.
    A digest is given in full, for a tag may move between reading and approving.
    """
    fields = _fields(body, content_type)
    faults = list(_unknown(fields, _KEYS))
    image, digest = fields.get("image"), fields.get("digest")
    comment, override = fields.get("comment", ""), fields.get("override", False)
    if not isinstance(image, str) or not is_path(image):
        faults.append(_fault("image", "an image's name in the catalog", image))
    if not is_digest(digest):
        faults.append(_fault("digest", _DIGEST, digest))
    if not isinstance(comment, str):
        faults.append(_fault("comment", "text", comment))
    elif len(comment) > LONGEST:
        faults.append(f"comment: expected at most {LONGEST} characters, found {len(comment)}")
    if not isinstance(override, bool):
        faults.append(_fault("override", "true or false", override))
    if faults:
        raise Refused(400, "; ".join(faults))
    return Asked(str(image), Digest(str(digest)), plain(str(comment)), override is True)


def query(parameters: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return the query's parameters that say something. Raises Refused naming those nobody knows."""
    faults = list(_unknown(parameters, tuple(known)))
    if faults:
        raise Refused(400, "; ".join(faults))
    return {name: value for name, value in parameters.items() if value}


def expected(place: str, wanted: str, found: object) -> Refused:
    """Return the refusal of one field or parameter."""
    return Refused(400, _fault(place, wanted, found))


def is_digest(found: object) -> bool:
    """Tell whether this is a digest in full."""
    try:
        return isinstance(found, str) and bool(Digest(found))
    except InvalidDigest:
        return False


def _fields(body: bytes, content_type: str) -> dict[str, Any]:
    if content_type.partition(";")[0].strip().lower() != _TYPE:
        found = plain(content_type, 100) or "nothing"
        raise Refused(415, f"header Content-Type: expected {_TYPE}, found {found}")
    if len(body) > LARGEST:
        raise Refused(413, f"body: expected at most {LARGEST} bytes, found {len(body)}")
    try:
        read = json.loads(body.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        found = error.__class__.__name__ if isinstance(error, RecursionError) else str(error)
        raise Refused(400, f"body: expected JSON, found {plain(found, 200)}") from None
    if not isinstance(read, dict):
        raise expected("body", "a JSON object", read)
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says something twice: whoever reads it would pick one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"the key {twice[:100]!r} twice"
        raise ValueError(message)
    return found


def _unknown(found: Iterable[str], known: tuple[str, ...]) -> Iterable[str]:
    wanted = ", ".join(known)
    strange = [each for each in found if each not in known]
    return (
        f"{plain(each, 100)}: expected one of {wanted}, found a name nobody knows"
        for each in strange[:_NAMED]
    )


def _fault(place: str, wanted: str, found: object) -> str:
    return f"{place}: expected {wanted}, found {_shown(found)}"


def _shown(found: object) -> str:
    """Return what was found, if it is short; what is deep or long is only named."""
    match found:
        case None:
            return "nothing"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return plain(repr(found)[:400], 200)
