"""The HTTP of operators' commands: one request, one JSON object back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.errors import Misconfigured, Transient

if TYPE_CHECKING:
    import requests

_TIMEOUT = (10.0, 120.0)  # seconds to connect; seconds an answer may take: a cold start is in it
_LARGEST = 16 * 1024 * 1024  # bytes of an answer
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    body: Mapping[str, Any]


def get_json(url: str, *, query: Mapping[str, str] | None = None, verify: str = "") -> Answer:
    """Ask something of the local Azure's own. Raises Transient."""
    return send("GET", url, query=query, verify=verify, local=True)


def send(
    method: str,
    url: str,
    *,
    token: str = "",
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    verify: str = "",
    local: bool = False,
) -> Answer:
    """Send one request; redirects are not followed, as they could lead the token elsewhere.

    `local`: no proxy, no netrc. Raises Transient when nobody answers, Misconfigured when it is no JSON object:
    then it is another server's.
    """
    import requests  # noqa: PLC0415 - heavy; `--help` needs none of it

    session = requests.Session()
    session.trust_env = not local
    try:
        with session.request(
            method,
            url,
            params=query,
            json=body,
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
            verify=verify or True,
            auth=_bearer(token),
        ) as answer:
            return Answer(answer.status_code, _object(url, answer))
    except (requests.RequestException, UnicodeError) as error:
        message = f"{url}: no answer ({type(error).__name__}: {error})"
        raise Transient(message) from error
    finally:
        session.close()


def _bearer(token: str) -> "Callable[[requests.PreparedRequest], requests.PreparedRequest]":
    """Set the header through `auth`: a bare one would lose to a netrc entry for the host."""

    def sign(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    return sign


def _object(url: str, answer: "requests.Response") -> dict[str, Any]:
    content = bytearray()
    for piece in answer.iter_content(64 * 1024):
        content += piece
        if len(content) > _LARGEST:
            message = f"{url}: expected at most {_LARGEST} bytes, found more"
            raise Misconfigured(message)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    message = (
        f"{url}: expected Breakwater's JSON, found HTTP {answer.status_code} with something else"
    )
    if answer.status_code >= _SERVER_ERROR:  # a gateway's own page
        raise Transient(message)
    raise Misconfigured(message)
