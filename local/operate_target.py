"""Which Breakwater is asked, and how its operators sign in: the local Azure's people, or Entra's."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.operate_calls import get_json
from local.platform.claim import Claim
from shared.errors import Misconfigured
from shared.settings import AUDIENCE

_ALICE = "alice"
_HINT = (
    "set BREAKWATER_URL to the function app's address and ENTRA_AUDIENCE to what the app has under "
    "that name, and sign in with `az login`; or start a local Azure with `make up`"
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# As the app's setting: a token for Azure itself (ARM, Graph, …) would be a gift to whoever BREAKWATER_URL names.


@dataclass(frozen=True, slots=True)
class Target:
    """Where the app answers, and what fetches an operator's token for it."""

    name: str
    url: str
    token: Callable[[], str]
    local: bool = False


def find(environment: Mapping[str, str], work: Path, user: str = "") -> Target:
    """Return the app that BREAKWATER_URL names, else the local one that runs in the folder.

    Raises Misconfigured where there is neither, or a setting is wrong; Transient when the local one
    does not answer.
    """
    url = environment.get("BREAKWATER_URL", "").strip()
    if url:
        if user:
            message = (
                "AS: only the local Azure lets you choose who you are; sign in with `az login`"
            )
            raise Misconfigured(message)
        return _in_azure(url, environment.get("ENTRA_AUDIENCE", "").strip())
    claim = Claim(work)
    if not claim.taken():
        message = f"no Breakwater to ask: {_HINT}"
        raise Misconfigured(message)
    control = claim.note().get("control")
    if not isinstance(control, str):
        message = f"the local Azure in {work} is still starting; try again when it says it is up"
        raise Misconfigured(message)
    return _local(work, control, user or _ALICE)


def _in_azure(url: str, audience: str) -> Target:
    if not _is_safe(url):
        message = "BREAKWATER_URL: expected a URL like https://<app>.azurewebsites.net"
        raise Misconfigured(message)
    if not AUDIENCE.fullmatch(audience):
        message = (
            "ENTRA_AUDIENCE: expected what the app has under that name, an application's id or api://…, "
            f"found {audience[:100] or 'nothing'}"
        )
        raise Misconfigured(message)

    def token() -> str:
        from shared.azure.identity import tokens_for  # noqa: PLC0415 - heavy, and only for Azure

        # What each kind of credential says of itself is a page long, and one sentence will do.
        logging.getLogger("azure.identity").setLevel(logging.ERROR)
        try:
            return tokens_for(audience)()
        except Misconfigured as error:
            message = f"{error}; sign in with `az login`"
            raise Misconfigured(message) from error

    # Without TLS only this machine may see the token: no proxy that the environment names.
    return Target(url, url.rstrip("/"), token, local=urlsplit(url).scheme == "http")


def _is_safe(url: str) -> bool:
    """Tell whether a token may be sent there: over TLS, or to this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def _local(work: Path, control: str, user: str) -> Target:
    urls = get_json(control).body["urls"]

    def token() -> str:
        answer = get_json(
            f"{urls['login']}/_local/token",
            query={"user": user},
            verify=str(work / "tls" / "ca.crt"),
        )
        if "access_token" not in answer.body:
            error = str(answer.body.get("error", "expected somebody the local directory knows"))
            message = f"AS: {error.removeprefix('user: ').partition(';')[0]}, found {user!r}"
            raise Misconfigured(message)
        return str(answer.body["access_token"])

    return Target(f"the local Azure in {work} as {user}", urls["functions"], token, local=True)
