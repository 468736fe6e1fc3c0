"""Azure's exceptions, turned into ours: by who must act."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.errors import BreakwaterError, Misconfigured, Permanent, Transient

_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _THROTTLED = 401, 403, 404, 429
_SHOWN = 1000  # characters of Azure's own text that an error repeats


@contextmanager
def translated(doing: str, *, missing: str = "") -> Iterator[None]:
    """Run a call to Azure; `missing` says what a 404 means, where it means a missing deployment."""
    try:
        yield
    except HttpResponseError as error:
        raise _of_response(error, doing, missing) from error
    except AzureError as error:
        message = f"{doing}: no answer ({type(error).__name__})"
        raise Transient(message) from error


def words(error: HttpResponseError) -> str:
    """Return Azure's own code and message on one line, cut."""
    code = getattr(error.error, "code", None) or getattr(error, "error_code", None) or ""
    said = getattr(error.error, "message", None) or error.message or ""
    text = said if str(code) in said else f"{code}: {said}"
    return " ".join(str(text).split())[:_SHOWN]


def _of_response(error: HttpResponseError, doing: str, missing: str) -> BreakwaterError:
    status = error.status_code
    if status is None and isinstance(error, ClientAuthenticationError):
        return Misconfigured(f"{doing}: no identity answered ({_first_line(error)})")
    said = f"{doing}: HTTP {status} {words(error)}".rstrip()
    if status in _BUSY or status is None:
        refused = status == _THROTTLED
        return Transient(said, retry_after=_retry_after(error), refused=refused)
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        return Misconfigured(f"{said}; the app's identity lacks a role there")
    if status == _NOT_FOUND and missing:
        return Misconfigured(missing)
    return Permanent(said)


def _first_line(error: AzureError) -> str:
    return str(error.message).strip().partition("\n")[0][:_SHOWN]


def _retry_after(error: HttpResponseError) -> float | None:
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
