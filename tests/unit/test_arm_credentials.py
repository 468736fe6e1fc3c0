"""What a run may log in with."""

import base64
from typing import Any

import pytest

from local.acr.registry import Registry, Switches
from local.arm.credentials import docker_config
from local.arm.errors import ArmError
from local.directory import Directory
from local.faults import Faults


class World:
    """Two registries and the identity of a task."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.home = self.registry("contosostaging", "localhost:5001")
        self.base = self.registry("contosobase", "localhost:5002")
        self.scan = self.directory.add("scan")
        self.operator = self.directory.add("operator")

    def registry(self, name: str, login_server: str) -> Any:
        return Registry(name, login_server, self.directory, switches=Switches(), faults=Faults())

    def config(self, credentials: dict[str, Any], *, caller: Any = None, system: Any = None) -> Any:
        hosts = {each.login_server: each for each in (self.home, self.base)}
        return docker_config(
            credentials, self.home, hosts.get, self.directory, caller=caller, system=system
        )["auths"]

    def who(self, entry: Any) -> Any:
        user, _, token = base64.b64decode(entry["auth"]).decode().partition(":")
        assert user == "00000000-0000-0000-0000-000000000000"
        found = self.directory.read(token)
        assert found is not None
        return found[0]


def test_without_credentials_a_run_may_push_to_its_home_registry_only() -> None:
    world = World()
    auths = world.config({})
    assert list(auths) == ["localhost:5001"]
    who = world.who(auths["localhost:5001"])
    assert "push" in world.directory.actions(who, "contosostaging")
    assert world.directory.actions(who, "contosobase") == frozenset()


def test_login_mode_none_leaves_nothing_to_log_in_with() -> None:
    assert World().config({"sourceRegistry": {"loginMode": "None"}}) == {}


def test_a_pull_only_identity_takes_the_home_login_s_place() -> None:
    world = World()
    credentials = {
        "sourceRegistry": {"loginMode": "None"},
        "customRegistries": {"localhost:5001": {"identity": world.scan.client_id}},
    }
    auths = world.config(credentials)
    assert list(auths) == ["localhost:5001"]
    assert world.who(auths["localhost:5001"]) == world.scan


def test_the_source_registry_s_identity_is_used_for_home() -> None:
    world = World()
    auths = world.config({"sourceRegistry": {"identity": world.scan.client_id}})
    assert world.who(auths["localhost:5001"]) == world.scan


def test_a_custom_registry_with_an_identity_is_added() -> None:
    world = World()
    auths = world.config(
        {"customRegistries": {"localhost:5002": {"identity": world.scan.client_id}}}
    )
    assert set(auths) == {"localhost:5001", "localhost:5002"}
    assert world.who(auths["localhost:5002"]) == world.scan


def test_user_and_password_are_taken_as_they_are() -> None:
    entry = {
        "userName": {"type": "Opaque", "value": "me"},
        "password": {"type": "Opaque", "value": "p:w"},
    }
    auths = World().config({"customRegistries": {"docker.io": entry}})
    assert base64.b64decode(auths["docker.io"]["auth"]) == b"me:p:w"


def test_caller_and_system_stand_for_identities() -> None:
    world = World()
    source = {"sourceRegistry": {"identity": "[caller]"}}
    assert (
        world.who(world.config(source, caller=world.operator)["localhost:5001"]) == world.operator
    )
    custom = {"customRegistries": {"localhost:5002": {"identity": "[system]"}}}
    assert world.who(world.config(custom, system=world.scan)["localhost:5002"]) == world.scan


@pytest.mark.parametrize(
    ("credentials", "status", "text"),
    [
        ({"sourceRegistry": {"identity": "nobody"}}, 400, "sourceRegistry.identity"),
        ({"sourceRegistry": {"identity": "[caller]"}}, 400, r"\[caller\]"),
        ({"sourceRegistry": {"loginMode": "Maybe"}}, 400, "loginMode"),
        ({"customRegistries": {"localhost:5002": {"identity": "nobody"}}}, 400, "localhost:5002"),
        ({"customRegistries": {"ghcr.io": {"identity": "[system]"}}}, 400, "ghcr.io"),
        ({"customRegistries": {"ghcr.io": {"userName": "me"}}}, 400, "userName"),
        (
            {"customRegistries": {"ghcr.io": {"userName": {"type": "Vaultsecret", "value": "u"}}}},
            501,
            "Vaultsecret",
        ),
    ],
)
def test_credentials_that_cannot_be_are_refused_by_name(
    credentials: dict[str, Any], status: int, text: str
) -> None:
    with pytest.raises(ArmError, match=text) as refused:
        World().config(credentials)
    assert refused.value.status == status
