"""A run's docker config: exactly what its credentials block grants, and nothing else."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from local.acr.registry import Registry
from local.arm.errors import invalid, not_here
from local.directory import Directory, Principal

ByLoginServer = Callable[[str], Registry | None]


def docker_config(
    credentials: Mapping[str, Any],
    home: Registry,
    by_login_server: ByLoginServer,
    directory: Directory,
    *,
    caller: Principal | None,
    system: Principal | None,
) -> dict[str, Any]:
    """Return the content of `config.json` for a run in the home registry.

    `credentials` is ACR's block; `caller` is who asked for the run ("[caller]", quick runs only), `system` the
    task's system-assigned identity ("[system]"). Raises ArmError for an identity nobody has.
    """
    named = {"[caller]": caller, "[system]": system}

    def principal(identity: str, place: str) -> Principal:
        found = named.get(identity) or directory.principals.get(identity)
        if found is None:
            raise invalid(
                f"{place}: expected the client id of an identity, found {identity[:100]!r}"
            )
        return found

    auths: dict[str, dict[str, str]] = {}
    for_home = _home(credentials.get("sourceRegistry") or {}, home, directory, principal)
    if for_home is not None:
        auths[home.login_server] = {"auth": directory.docker_auth(for_home, home.login_server)}
    for host, entry in (credentials.get("customRegistries") or {}).items():
        place = f"credentials.customRegistries[{host}]"
        if not isinstance(entry, dict):
            raise invalid(f"{place}: expected an object, found {type(entry).__name__}")
        if entry.get("userName") or entry.get("password"):
            auth = _opaque(entry, place)
        elif by_login_server(host) is None:
            raise invalid(f"{place}: an identity logs in to a registry of this directory only")
        else:
            identity = principal(str(entry.get("identity") or ""), f"{place}.identity")
            auth = directory.docker_auth(identity, host)
        auths[host] = {"auth": auth}
    return {"auths": auths}


def default_principal(directory: Directory, home: Registry) -> Principal:
    """Return the registry's own login for runs: it may push to this registry and nowhere else."""
    principal = directory.add(f"task-default/{home.name}")
    directory.grant(principal, home.name, "AcrPush")
    return principal


def _home(
    source: Mapping[str, Any],
    home: Registry,
    directory: Directory,
    principal: Callable[[str, str], Principal],
) -> Principal | None:
    place = "credentials.sourceRegistry"
    mode = source.get("loginMode") or "Default"
    if mode not in ("Default", "None"):
        raise invalid(f"{place}.loginMode: expected Default or None, found {str(mode)[:100]!r}")
    if source.get("identity"):
        return principal(str(source["identity"]), f"{place}.identity")
    return default_principal(directory, home) if mode == "Default" else None


def _opaque(entry: Mapping[str, Any], place: str) -> str:
    words = []
    for key in ("userName", "password"):
        secret = entry.get(key)
        if not isinstance(secret, dict) or "value" not in secret:
            raise invalid(f"{place}.{key}: expected an object with type and value")
        if secret.get("type", "Opaque") != "Opaque":
            raise not_here(f"{place}.{key}: secrets of type {secret['type']}")
        words.append(str(secret["value"]))
    return base64.b64encode(":".join(words).encode()).decode()
