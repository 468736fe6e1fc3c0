"""A registry served over TLS, the people who use it, and a client that speaks for one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from local.acr.registry import Registry, Switches
from local.directory import Directory, Principal
from local.faults import Faults
from tests.contract.serving import ca_path, free_port, serve
from tests.contract.waiting import PATIENCE

PEOPLE = {"owner": "Owner", "pusher": "AcrPush", "puller": "AcrPull", "stranger": ""}


@dataclass
class World:
    """The registry, its URL, who there is, and the events it raised."""

    registry: Registry
    url: str
    people: dict[str, Principal]
    session: requests.Session
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def directory(self) -> Directory:
        return self.registry.directory

    def token(self, who: str, *scopes: str) -> str:
        """Get an access token the way a machine does: Entra, exchange, token."""
        entra = self.directory.token(self.people[who], "https://containerregistry.azure.net")
        service = self.registry.login_server
        form = {"grant_type": "access_token", "service": service, "access_token": entra}
        refresh = self.send("POST", "/oauth2/exchange", data=form).json()["refresh_token"]
        grant = {
            "grant_type": "refresh_token",
            "service": service,
            "refresh_token": refresh,
            "scope": list(scopes),
        }
        return str(self.send("POST", "/oauth2/token", data=grant).json()["access_token"])

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request as nobody, unless `auth` or a header says otherwise."""
        return self.session.request(
            method, self.url + path, verify=str(ca_path()), timeout=PATIENCE, **options
        )

    def call(self, who: str, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with a password (direct Basic)."""
        return self.send(method, path, auth=(who, "secret"), **options)


@contextmanager
def world(*, anonymous_pull: bool = False, tls: bool = True) -> Iterator[World]:
    """Serve a registry in which everybody of PEOPLE has a password."""
    directory, port = Directory(), free_port()
    people = {}
    for name, role in PEOPLE.items():
        people[name] = directory.add(name)
        directory.allow_password(name, "secret", people[name])
        if role:
            directory.grant(people[name], "contosostaging", role)
    registry = Registry(
        "contosostaging",
        f"localhost:{port}",
        directory,
        anonymous_pull=anonymous_pull,
        switches=Switches(),
        faults=Faults(),
    )
    with serve(registry.app(), tls=tls, port=port) as url, requests.Session() as session:
        session.trust_env = False  # a CA bundle in the environment would replace ours
        here = World(registry, url, people, session)
        registry.listeners.append(here.events.append)
        yield here
