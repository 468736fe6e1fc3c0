"""One repository of a registry over HTTPS, with the credentials of a Docker config file."""

import base64
import binascii
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from local.tools.errors import ToolError
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import InvalidManifest, Manifest, parse
from shared.oci.reference import Repository

_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two bytes
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the Docker config file holds for one registry."""

    user: str = ""
    password: str = ""
    identity_token: str = ""  # a refresh token, which goes to the token endpoint in a POST


def ca_bundle() -> str:
    """Return the PEM file of the CAs to trust, or "" for the built-in ones."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or ""


def credentials(host: str) -> Credentials | None:
    """Read this registry's entry of the Docker config file. Raises ToolError if it is malformed."""
    home = Path(os.environ.get("HOME", "/"))
    file = Path(os.environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if not file.is_file():
        return None
    try:
        entry = (json.loads(file.read_text(encoding="utf-8")).get("auths") or {}).get(host)
        if not entry:
            return None
        user, _, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
        return Credentials(
            entry.get("username") or user,
            (entry.get("password") or password).rstrip("\0"),
            entry.get("identitytoken", ""),
        )
    except (AttributeError, TypeError, ValueError, binascii.Error) as error:
        message = f"{file}: expected a Docker config with auths, found {error!r}"
        raise ToolError(message) from error


class Registry:
    """The data plane of one repository; every failure is a ToolError with the registry's words."""

    def __init__(self, repository: Repository, actions: str) -> None:
        """Prepare to use the repository with these actions (`pull`, `pull,push`)."""
        self._repository = repository
        self._actions = actions
        self._base = f"https://{repository.registry}/v2/{repository.path}/"
        self._session = requests.Session()
        # Else .netrc replaces the token, and the environment's bundle the one chosen here.
        self._session.trust_env = False
        self._session.verify = ca_bundle() or True

    def manifest(self, reference: Digest) -> Manifest:
        """Read the manifest with this digest, checked against it."""
        answer = self._request(
            "GET", f"manifests/{reference}", headers={"Accept": media_types.ACCEPT}
        )
        try:
            found = parse(answer.content, answer.headers.get("Content-Type", ""))
        except InvalidManifest as error:
            message = f"{self._repository.at(reference)}: {error}"
            raise ToolError(message) from error
        if found.digest != reference:
            message = f"expected the manifest {reference}, found bytes of {found.digest}"
            raise ToolError(message)
        return found

    def blob(self, digest: Digest) -> bytes:
        """Read a (small) blob, checked against its digest."""
        content = self._request("GET", f"blobs/{digest}").content
        if Digest.of(content) != digest:
            message = f"expected the blob {digest}, found bytes of {Digest.of(content)}"
            raise ToolError(message)
        return content

    def push_blob(self, content: bytes) -> bool:
        """Upload a blob; False when the repository already held it."""
        digest = Digest.of(content)
        found = self._request("HEAD", f"blobs/{digest}", absent_is_fine=True)
        if found.status_code == requests.codes.ok:
            return False
        session = self._request("POST", "blobs/uploads/")
        location = urljoin(session.url, session.headers["Location"])
        self._request(
            "PUT",
            location,
            params={"digest": str(digest)},
            headers={"Content-Type": "application/octet-stream"},
            data=content,
        )
        return True

    def push_manifest(self, content: bytes, media_type: str) -> Digest:
        """Write a manifest under its digest."""
        digest = Digest.of(content)
        self._request(
            "PUT", f"manifests/{digest}", headers={"Content-Type": media_type}, data=content
        )
        return digest

    def _request(
        self,
        method: str,
        path: str,
        *,
        absent_is_fine: bool = False,
        **arguments: Any,  # noqa: ANN401 - handed on to requests as they are
    ) -> requests.Response:
        url = urljoin(self._base, path)
        try:
            answer = self._session.request(method, url, timeout=_TIMEOUT, **arguments)
            if answer.status_code == requests.codes.unauthorized:
                self._authorize(answer.headers.get("WWW-Authenticate", ""))
                answer = self._session.request(method, url, timeout=_TIMEOUT, **arguments)
        except requests.RequestException as error:
            message = f"{method} {url}: {error}"
            raise ToolError(message) from error
        if answer.ok or (absent_is_fine and answer.status_code == requests.codes.not_found):
            return answer
        message = f"{method} {url}: response status code {answer.status_code}: {_words(answer)}"
        raise ToolError(message)

    def _authorize(self, challenge: str) -> None:
        """Answer the registry's challenge for the rest of this session (distribution, token auth)."""
        known = credentials(self._repository.registry)
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and known:
            self._session.auth = (known.user, known.password)
            return
        parameters = dict(_PARAMETER.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in parameters:
            message = (
                f"{self._repository.registry}: cannot answer the challenge {challenge[:200]!r}"
            )
            raise ToolError(message)
        token = self._token(parameters["realm"], parameters.get("service", ""), known)
        self._session.headers["Authorization"] = f"Bearer {token}"

    def _token(self, realm: str, service: str, known: Credentials | None) -> str:
        wanted = {
            "service": service,
            "scope": f"repository:{self._repository.path}:{self._actions}",
        }
        if known and known.identity_token:
            form = {"grant_type": "refresh_token", "client_id": "breakwater-stand-in"}
            form |= wanted | {"refresh_token": known.identity_token}
            answer = self._session.post(realm, data=form, timeout=_TIMEOUT)
        else:
            auth = (known.user, known.password) if known else None
            answer = self._session.get(realm, params=wanted, auth=auth, timeout=_TIMEOUT)
        if not answer.ok:
            message = f"{realm}: response status code {answer.status_code}: {_words(answer)}"
            raise ToolError(message)
        body = answer.json()
        return str(body.get("access_token") or body.get("token") or "")


def _words(answer: requests.Response) -> str:
    """Return the registry's own error text (distribution-spec, "Error Codes"), on one line."""
    try:
        first = answer.json()["errors"][0]
        return " ".join(f"{first.get('code', '')}: {first.get('message', '')}".split())
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return " ".join(answer.text[:200].split()) or answer.reason
