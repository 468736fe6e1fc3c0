"""ACR's importImage through ARM: started without a polling thread, then asked about by URL."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.core.exceptions import ARMErrorFormat

from shared.azure.errors import translated, words
from shared.azure.import_sources import ImportSources, Where, unsaid, without
from shared.azure.registries import ArmRegistries
from shared.catalog import Upstream
from shared.errors import Transient
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.values import Credential, ImportState, ImportStatus

_DONE = "done"  # the operation of an import that ARM finished in the POST itself
_ACCEPTED, _BAD_REQUEST, _UNAUTHORIZED, _SERVER_ERROR = 202, 400, 401, 500
_BUSY = frozenset({408, 429})


class ArmImports:
    """Imports over ARM."""

    def __init__(
        self,
        client: ContainerRegistryManagementClient,
        registries: ArmRegistries,
        endpoint: str,
        credentials: Mapping[str, Credential] | None = None,
        entra: Callable[[], str] | None = None,
    ) -> None:
        """Take the ARM client, the registries it can see, and ARM's address.

        `credentials` are the users of upstream registries by name in lower case; `entra` returns a token
        of the app's identity for ACR.
        """
        self._client = client
        self._registries = registries
        self._endpoint = urlsplit(endpoint)
        self._sources = ImportSources(registries, credentials or {}, entra)

    def start(
        self,
        *,
        source: Repository,
        digest: Digest,
        target: Repository,
        tags: tuple[str, ...],
        upstream: Upstream | None = None,
    ) -> str:
        """Start a copy; the operation is the Location header, verbatim (it is signed)."""
        into = self._registries.get(target.registry)
        where = self._sources.where(source.registry, upstream)
        doing = f"import of {source.at(digest)} into {target}"
        answers: list[HttpResponse] = []
        with unsaid(self._sources.secrets(where)), translated(doing):
            # Without polling the poller is done at once: its result is the POST's own response.
            self._client.registries.begin_import_image(
                into.group,
                into.name,
                _parameters(source, where, digest, target, tags),
                polling=False,
                retry_total=0,  # a second POST would be a second import
                cls=lambda response, _body, _headers: answers.append(response.http_response),
            ).result()
        return _operation(answers[0], doing)

    def poll(self, operation: str) -> ImportStatus:
        """GET the operation once: 202 runs, 2xx succeeded (verify it), 4xx failed with ARM's text."""
        if operation == _DONE:
            return ImportStatus(ImportState.SUCCEEDED)
        parts = urlsplit(operation)
        if (parts.scheme, parts.netloc) != (self._endpoint.scheme, self._endpoint.netloc):
            where = f"expected an operation at {self._endpoint.netloc}, found one at {parts.netloc}"
            return ImportStatus(ImportState.FAILED, where[:300])  # ARM_ENDPOINT was changed since
        with unsaid(self._sources.secrets()), translated("asking about an import"):
            response = self._client.send_request(HttpRequest("GET", operation))
            status = response.status_code
            if status == _ACCEPTED:
                return ImportStatus(ImportState.RUNNING)
            if status < _BAD_REQUEST:
                return ImportStatus(ImportState.SUCCEEDED)
            error = HttpResponseError(response=response, error_format=ARMErrorFormat)
            denied = error.error is not None and error.error.code == "AuthorizationFailed"
            if status in _BUSY or status == _UNAUTHORIZED or status >= _SERVER_ERROR or denied:
                raise error  # about the asking, not about the import
        return ImportStatus(ImportState.FAILED, without(self._sources.secrets(), words(error)))


def _parameters(
    source: Repository, where: Where, digest: Digest, target: Repository, tags: tuple[str, ...]
) -> dict[str, Any]:
    """Return the body: always by digest, and Force, for a stable tag in staging moves."""
    body: dict[str, Any] = {
        "source": where | {"sourceImage": f"{source.path}@{digest}"},
        "mode": "Force",
    }
    if tags:
        return body | {"targetTags": [f"{target.path}:{tag}" for tag in tags]}
    return body | {"untaggedTargetRepositories": [target.path]}


def _operation(response: HttpResponse, doing: str) -> str:
    location = response.headers.get("Location", "")
    if response.status_code != _ACCEPTED:
        return _DONE
    if not location:
        message = f"{doing}: ARM accepted it without saying where to ask about it"
        raise Transient(message)
    return location
