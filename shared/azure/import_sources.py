"""What importImage is told about its source: which registry, and as whom to read it."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.azure.registries import ArmRegistries
from shared.catalog import Upstream
from shared.errors import BreakwaterError, Misconfigured
from shared.values import Credential

# Docker Hub is docker.io to importImage, whatever else it is called (ACR docs, container-registry-import-images).
_HUB = "docker.io"
_ALSO_HUB = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_INSTEAD = "•••"  # of a secret in a text

type Where = dict[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True)
class ImportSources:
    """The source part of importImage's body; `entra` gets a token of the app's identity for ACR."""

    registries: ArmRegistries
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    entra: Callable[[], str] | None = None

    def where(self, registry: str, upstream: Upstream | None) -> Where:
        """Return registryUri with or without credentials, or resourceId. Raises Misconfigured.

        ACR takes credentials with a registryUri only, and a token of Entra as a password without a user.
        A registry of ours is named by its id: its public access may be disabled.
        """
        asked = upstream or Upstream(registry)
        if asked.resource_id:
            return {"resourceId": asked.resource_id}
        foreign = _HUB if registry.lower() in _ALSO_HUB else registry
        if asked.credentials:
            user = self._user(asked)
            credentials = {"username": user.username, "password": user.password}
            return {"registryUri": foreign, "credentials": credentials}
        if ours := self.registries.find(registry):
            return {"resourceId": ours.id}
        if asked.entra:
            return {"registryUri": foreign, "credentials": {"password": self._token(registry)}}
        return {"registryUri": foreign}

    def secrets(self, where: Where | None = None) -> tuple[str, ...]:
        """Return all that no text may repeat: every user's secrets, and those this source was given."""
        users = [(user.username, user.password) for user in self.credentials.values()]
        given = (where or {}).get("credentials")
        if isinstance(given, dict):
            users.append((given.get("username", ""), given["password"]))
        encoded = [base64.b64encode(f"{name}:{word}".encode()).decode() for name, word in users]
        return (*encoded, *(word for _, word in users))

    def _user(self, upstream: Upstream) -> Credential:
        name = upstream.credentials
        found = self.credentials.get(name.lower())
        if found is None:
            both = " and ".join(f"UPSTREAM_{name.upper()}_{of}" for of in ("USERNAME", "PASSWORD"))
            message = f"{upstream.registry}: expected the settings {both}, found neither"
            raise Misconfigured(message)
        return found

    def _token(self, registry: str) -> str:
        if self.entra is None:
            message = f"{registry}: the catalog wants the app's identity (entra), and it has none"
            raise Misconfigured(message)
        return self.entra()


def without(secrets: tuple[str, ...], text: str) -> str:
    """Return the text with every secret replaced."""
    for each in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(each, _INSTEAD)
    return text


@contextmanager
def unsaid(secrets: tuple[str, ...]) -> Iterator[None]:
    """Let no error of ours repeat a secret, nor the error that it came from."""
    try:
        yield
    except BreakwaterError as error:
        said = str(error)
        if (clean := without(secrets, said)) == said:
            raise
        error.args = (clean,)
        raise error from None
