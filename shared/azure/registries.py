"""Which ARM resource answers at a login server: the subscription's registries, listed once."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from azure.core.credentials import TokenCredential
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.core.tools import parse_resource_id

from shared.azure import patience
from shared.azure.errors import translated
from shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class RegistryResource:
    """A registry as ARM knows it."""

    id: str
    group: str
    name: str
    login_server: str


class ArmRegistries:
    """Finds registries by login server."""

    def __init__(self, client: ContainerRegistryManagementClient, subscription: str) -> None:
        """Take the ARM client; the subscription is for error texts."""
        self._client = client
        self._subscription = subscription
        self._known: Mapping[str, RegistryResource] | None = None
        self._lock = threading.Lock()

    def find(self, login_server: str) -> RegistryResource | None:
        """Return the registry if it is one of ours; the list is read once per process."""
        with self._lock:
            if self._known is None:
                self._known = self._list()
            return self._known.get(login_server.lower())

    def get(self, login_server: str) -> RegistryResource:
        """Return the registry, listing again before giving up. Raises Misconfigured."""
        if found := self.find(login_server):
            return found
        with self._lock:
            self._known = self._list()
            found = self._known.get(login_server.lower())
            known = ", ".join(sorted(self._known)) or "no registry at all"
        if found is None:
            message = (
                f"expected a registry with login server {login_server} in subscription "
                f"{self._subscription} readable by the app's identity, found {known}"
            )
            raise Misconfigured(message)
        return found

    def _list(self) -> dict[str, RegistryResource]:
        with translated(f"listing the registries of subscription {self._subscription}"):
            found = {}
            for each in self._client.registries.list():
                server = each.properties.login_server if each.properties else None
                if not each.id or not server:
                    continue
                parts = parse_resource_id(each.id)
                group, name = str(parts["resource_group"]), str(parts["name"])
                found[server.lower()] = RegistryResource(each.id, group, name, server)
            return found


def arm_client(
    credential: TokenCredential, subscription: str, endpoint: str
) -> ContainerRegistryManagementClient:
    """Make the ARM client for registries and imports."""
    return ContainerRegistryManagementClient(
        credential,
        subscription,
        endpoint,
        credential_scopes=[f"{endpoint}/.default"],
        **patience.ARM,
    )
