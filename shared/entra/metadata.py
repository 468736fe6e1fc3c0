"""The directory's OpenID Connect metadata and the keys it publishes, fetched and read."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from jwt.utils import base64url_decode
from urllib3.exceptions import HTTPError

from shared.errors import Misconfigured, Transient

_TIMEOUT = (3.0, 5.0)  # seconds to connect, seconds between two bytes
_PATIENCE = 5.0  # seconds for one whole answer; no function waits over 20
_LARGEST = 256 * 1024  # bytes; Entra's keys, with their certificates, take about 30 KiB
_MOST_KEYS = 100
_LEAST_BITS = 2048  # RFC 7518 §3.3
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,1400}")  # base64url of at most 8192 bits
_RETRIED = frozenset({408, 429})
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Published:
    """What a directory says of itself: its issuer, and its signing keys by their ids."""

    issuer: str
    keys: Mapping[str, RSAPublicKey]


def fetch(authority: str, tenant: str) -> Published:
    """Read the tenant's metadata and keys.

    Raises Transient when the directory cannot be asked or answers nonsense, Misconfigured when it knows no
    such tenant. Source: OpenID Connect Discovery 1.0 §4, RFC 7517.
    """
    place = f"{authority}/{tenant}/v2.0/.well-known/openid-configuration"
    found = _get(place, tenant)
    issuer, keys = found.get("issuer"), found.get("jwks_uri")
    if not isinstance(issuer, str) or not _names(issuer, tenant):
        message = (
            f"{place}: expected an issuer that names the tenant of ENTRA_TENANT_ID, found another"
        )
        raise Misconfigured(message)
    if not isinstance(keys, str) or not keys.startswith("https://"):
        message = f"{place}: expected jwks_uri to be a URL like https://…, found another"
        raise Transient(message)
    published = keys_of(_get(keys, tenant), issuer, tenant)
    if not published:
        message = f"{keys}: expected RSA keys for signatures, found none"
        raise Transient(message)
    return Published(issuer, published)


def _names(issuer: str, tenant: str) -> bool:
    """Tell whether it is the issuer of this tenant's tokens of version 2."""
    try:
        parts = urlsplit(issuer)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.path.lower() == f"/{tenant}/v2.0"


def keys_of(jwks: Mapping[str, Any], issuer: str, tenant: str) -> dict[str, RSAPublicKey]:
    """Return the RSA keys of a key set that sign for this issuer; what is no such key is left out.

    Entra says of each key whose tokens it signs; `{tenantid}` stands for any tenant (learn: access
    tokens, validate the signing key issuer).
    """
    listed = jwks.get("keys")
    found: dict[str, RSAPublicKey] = {}
    for each in (listed if isinstance(listed, list) else [])[:_MOST_KEYS]:
        if not isinstance(each, dict):
            continue
        kid, signs_for = each.get("kid"), each.get("issuer", issuer)
        if not isinstance(kid, str) or not isinstance(signs_for, str) or kid in found:
            continue
        if signs_for.replace("{tenantid}", tenant) != issuer:
            continue
        key = _key(each)
        if key is not None:
            found[kid] = key
    return found


def _key(jwk: Mapping[str, Any]) -> RSAPublicKey | None:
    if jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig":
        return None
    if jwk.get("alg", "RS256") != "RS256":
        return None
    modulus, exponent = _number(jwk.get("n")), _number(jwk.get("e"))
    try:
        key = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        return None
    return key if key.key_size >= _LEAST_BITS else None


def _number(text: object) -> int:
    """Read base64url's big-endian number (RFC 7518 §2); 0, which no key has, for anything else."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return 0
    try:
        return int.from_bytes(base64url_decode(text), "big")
    except ValueError:
        return 0


def _get(url: str, tenant: str) -> dict[str, Any]:
    """Read one JSON object; a redirect is no answer, and no proxy's password or netrc's goes along."""
    try:
        with requests.get(
            url,
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            auth=lambda request: request,  # else a netrc entry for the host would be sent
        ) as response:
            _check(url, response.status_code, tenant)
            content = _read(url, response)
    except (requests.RequestException, HTTPError) as error:
        message = f"{url}: no answer ({type(error).__name__})"
        raise Transient(message) from error
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"{url}: expected JSON, found something else"
        raise Transient(message) from error
    if not isinstance(found, dict):
        message = f"{url}: expected a JSON object, found {type(found).__name__}"
        raise Transient(message)
    return found


def _check(url: str, status: int, tenant: str) -> None:
    if status == requests.codes.ok:
        return
    if status >= _SERVER_ERROR or status in _RETRIED:
        message = f"{url}: HTTP {status}"
        raise Transient(message)
    message = (
        f"settings ENTRA_TENANT_ID, ENTRA_AUTHORITY: {url} answered HTTP {status} for {tenant}"
    )
    raise Misconfigured(message)


def _read(url: str, response: requests.Response) -> bytes:
    """Read what has come, time and again: `iter_content` would wait for a whole piece, byte by byte."""
    end, content = time.monotonic() + _PATIENCE, bytearray()
    while piece := response.raw.read1(16 * 1024, decode_content=True):
        content += piece
        if len(content) > _LARGEST:
            message = f"{url}: expected at most {_LARGEST} bytes, found more"
            raise Transient(message)
        if time.monotonic() > end:
            message = f"{url}: no whole answer within {_PATIENCE:.0f} s"
            raise Transient(message)
    return bytes(content)
