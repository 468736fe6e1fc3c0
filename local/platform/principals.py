"""Who there is in the local Azure and what each may do: the role assignments infra makes in Azure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from local.directory import ANONYMOUS, Directory, Principal
from local.platform.ports import Ports

STAGING, BASE, APPS, UPSTREAM = "contosostaging", "contosobase", "contosoapps", "upstream"
USER = "breakwater"  # whom `docker login` and `skopeo login` name

_ROLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "breakwater": {
        STAGING: ("AcrPush", "Importer", "TasksContributor"),
        BASE: ("AcrPush", "Importer"),
        APPS: ("Reader", "TasksContributor"),
    },
    "scan": {STAGING: ("AcrPush",), BASE: ("AcrPull",)},
    "test": {STAGING: ("AcrPull",), BASE: ("AcrPull",)},
    "apps": {APPS: ("AcrPush",), BASE: ("AcrPull",)},
    "operator": dict.fromkeys((STAGING, BASE, APPS, UPSTREAM), ("Owner",)),
}

# Breakwater's own application in the directory, and who holds which of its app roles.
APPLICATION = str(uuid.uuid5(uuid.NAMESPACE_URL, "breakwater-local:application"))
AUDIENCE = f"api://{APPLICATION}"
DOMAIN = "contoso.com"
PEOPLE: Mapping[str, tuple[str, ...]] = {
    f"alice@{DOMAIN}": ("Operator",),
    f"bob@{DOMAIN}": ("Approver",),
    f"carol@{DOMAIN}": ("Reader",),
    f"dave@{DOMAIN}": (),  # works there, and that is all
}


def registry_ports(ports: Ports) -> dict[str, int]:
    """Return each registry's port by its name; the upstream first, as what it plays was there first."""
    return {UPSTREAM: ports.upstream, STAGING: ports.staging, BASE: ports.base, APPS: ports.apps}


@dataclass(frozen=True, slots=True)
class Principals:
    """The function app's identity, the tasks' identities, and a person who may do everything."""

    breakwater: Principal
    scan: Principal
    test: Principal
    apps: Principal
    operator: Principal


def populate(directory: Directory, password: str) -> Principals:
    """Add everybody with their roles; the operator logs in as USER with the password."""
    added = {name: directory.add(name) for name in _ROLES}
    for name, roles in _ROLES.items():
        for registry, held in roles.items():
            for role in held:
                directory.grant(added[name], registry, role)
    directory.principals[ANONYMOUS.client_id] = ANONYMOUS
    directory.allow_password(USER, password, added["operator"])
    for name, app_roles in PEOPLE.items():
        directory.assign(directory.add(name), *app_roles)
    return Principals(**added)
