"""One authorised HTTP call to one of our own registries: tokens, retries, redirects, typed errors."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from shared.errors import BreakwaterError, Misconfigured, Permanent, Transient
from shared.oci.reference import Repository
from shared.registry import tokens
from shared.registry.tokens import Token, TokenCache, TokenRequest

_TIMEOUT = (5.0, 15.0)  # seconds to connect, seconds between two bytes
_PATIENCE = 12.0  # seconds after which a call is not tried again (no function waits over 20)
_FIRST_WAIT = 0.5  # seconds, doubled each time
_ATTEMPTS = 4
_REDIRECTS = 5
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_ERROR_BYTES = 16 * 1024
_SHOWN = 300  # characters of a registry's own words that an error repeats
_REFRESH = "refresh"  # the cache's scope for the registry-wide refresh token
_ROLES = {
    "pull": "AcrPull",
    "push": "AcrPush",
    "metadata_read": "AcrPull",
    "metadata_write": "AcrPush",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a repository; `action` is what the token must allow (`push` includes pull)."""

    method: str
    repository: Repository
    path: str
    action: str = "pull"
    headers: Mapping[str, str] | None = None
    content: bytes | None = None

    @property
    def scope(self) -> str:
        """The scope as ACR's token service wants it."""
        granted = {"push": "pull,push", "metadata_write": "metadata_read,metadata_write"}
        return f"repository:{self.repository.path}:{granted.get(self.action, self.action)}"

    @property
    def where(self) -> str:
        """The repository and the action, for error texts."""
        return f"{self.repository} ({self.action})"


class _Bearer(AuthBase):
    """Sets the header through `auth`: a bare header would lose to a netrc entry for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _NoAuth(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Wire:
    """Sends calls; tokens are kept per registry and scope, and never leave their registry."""

    def __init__(
        self,
        entra: Callable[[], str],
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take where Entra tokens for ACR's audience come from."""
        self._entra = entra
        self._now = now
        self._sleep = sleep
        self._tokens = TokenCache()
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "breakwater"

    def send(self, call: Call) -> requests.Response:
        """Send it; the response, unread, is 2xx or 404.

        Reads are tried again while the registry is busy, writes never. Raises Misconfigured for
        401 and 403, Transient for what may pass, Permanent for every other refusal.
        """
        tries = _ATTEMPTS if call.method in ("GET", "HEAD") else 1
        wait, until = _FIRST_WAIT, self._now() + _PATIENCE
        while True:
            try:
                return self._once(call)
            except Transient as error:
                tries -= 1
                pause = max(error.retry_after or 0.0, wait)
                if not tries or self._now() + pause > until:
                    raise
            self._sleep(pause)
            wait *= 2

    def _once(self, call: Call) -> requests.Response:
        response = self._authorised(call)
        if response.status_code == requests.codes.unauthorized:
            response.close()  # a revoked token, or a role granted since: ask for a new one, once
            self._tokens.drop(call.repository.registry, call.scope)
            response = self._authorised(call)
        if response.ok or response.status_code == requests.codes.not_found:
            return response
        with response:
            raise _refusal(response, call.where, call.action)

    def _authorised(self, call: Call) -> requests.Response:
        host = call.repository.registry
        url = f"https://{host}{call.path}"
        for _ in range(_REDIRECTS):
            parts = urlsplit(url)
            if parts.scheme != "https":
                message = f"{call.where}: refused to follow a redirect to {parts.scheme}://"
                raise Permanent(message)
            own = parts.netloc.lower() == host.lower()
            auth: AuthBase = _Bearer(self._token(host, call.scope)) if own else _NoAuth()
            response = self._request(call.method, url, call, auth)
            target = response.headers.get("Location")
            if response.status_code not in _MOVED or not target or call.content is not None:
                return response
            response.close()
            url = urljoin(url, target)
        message = f"{call.where}: more than {_REDIRECTS} redirects"
        raise Permanent(message)

    def _request(self, method: str, url: str, call: Call, auth: AuthBase) -> requests.Response:
        try:
            return self._session.request(
                method,
                url,
                headers=dict(call.headers or {}),
                data=call.content,
                auth=auth,
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise unreachable(
                call.where, error
            ) from None  # the cause's text has the URL, with its signature

    def _token(self, host: str, scope: str) -> str:
        known = self._tokens.get(host, scope, self._now())
        if known:
            return known
        refresh = self._tokens.get(host, _REFRESH, self._now())
        if refresh:
            try:
                return self._fetch(tokens.access(host, refresh, scope), host, scope).value
            except Misconfigured:
                self._tokens.drop(host, _REFRESH)  # it may have been revoked: start afresh, once
        refresh = self._fetch(tokens.exchange(host, self._entra()), host, _REFRESH).value
        return self._fetch(tokens.access(host, refresh, scope), host, scope).value

    def _fetch(self, request: TokenRequest, host: str, scope: str) -> Token:
        try:
            response = self._session.request(
                request.method,
                request.url,
                data=dict(request.form),
                auth=_NoAuth(),
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise unreachable(
                f"{host} (token)", error
            ) from None  # the cause's text has the URL, with its signature
        if response.status_code != requests.codes.ok:
            raise _refusal(response, f"{host} (token for {scope})", scope.rpartition(",")[2])
        token = tokens.read(response.content, host, self._now())
        self._tokens.put(host, scope, token)
        return token


def body(response: requests.Response, limit: int, where: str) -> bytes:
    """Read a response of at most `limit` bytes. Raises Permanent when it is larger."""
    content = bytearray()
    try:
        with response:
            for piece in response.iter_content(64 * 1024):
                content += piece
                if len(content) > limit:
                    message = f"{where}: expected at most {limit} bytes, found more"
                    raise Permanent(message)
    except requests.RequestException as error:
        raise unreachable(
            where, error
        ) from None  # the cause's text has the URL, with its signature
    return bytes(content)


def unreachable(where: str, error: Exception) -> Transient:
    """Say that nobody answered; the library's own text may hold a signed URL, so only its kind."""
    return Transient(f"{where}: no answer ({type(error).__name__})")


def _refusal(response: requests.Response, where: str, action: str) -> BreakwaterError:
    """Turn an error response into who must act (ACR docs and OCI distribution-spec, "Errors")."""
    status = response.status_code
    said = f"{where}: HTTP {status} {_words(response)}".rstrip()
    if status in _BUSY:
        return Transient(said, retry_after=retry_after(response.headers))
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        role = _ROLES.get(action.rpartition(":")[2], "AcrPull")
        return Misconfigured(
            f"{said}; the app's identity needs {role} there (or a network rule refused it)"
        )
    return Permanent(said)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After in seconds; the date form is read as nothing said."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _words(response: requests.Response) -> str:
    """Return the registry's own error codes and texts, cut, on one line."""
    try:
        raw = next(response.iter_content(_ERROR_BYTES), b"")[:_ERROR_BYTES]
    except requests.RequestException:
        return ""
    try:
        errors = json.loads(raw)["errors"]
        text = "; ".join(f"{each.get('code', '')} {each.get('message', '')}" for each in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = raw.decode("utf-8", "replace")
    return " ".join(text.split())[:_SHOWN]
