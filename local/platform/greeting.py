"""What `python -m local up` tells whoever started it."""

from typing import TYPE_CHECKING

from local.platform.principals import APPS, BASE, PEOPLE, STAGING, USER

if TYPE_CHECKING:
    from local.azure import LocalAzure


def greeting(azure: "LocalAzure", *, functions: bool) -> str:
    """Return every address, how to log in, and the settings for `func start`."""
    staging = azure.registries[STAGING].login_server
    certificates = azure.authority.directory
    urls = "\n".join(f"  {name:<16}{url}" for name, url in azure.urls.items())
    return f"""\
The local Azure is up.

{urls}
  engine          {azure.engine_report}
  certificates    {azure.authority.certificate} (alone), {azure.authority.bundle} (with the system's)

Log in to {STAGING}, {BASE} or {APPS} (the upstream needs no login):
  docker login {staging} -u {USER} -p {azure.password}
  skopeo login --cert-dir {certificates} -u {USER} -p {azure.password} {staging}
  skopeo list-tags --cert-dir {certificates} docker://{azure.login_servers["upstream"]}/library/node

{_functions(azure, ours=functions)}

Logs: {azure.work}/functions.log, {azure.work}/azurite/azurite.log
Faults: curl -H 'Content-Type: application/json' -d '{{"operation": "arm.importImage", "kind": "fail"}}' \\
    {azure.urls["control"].replace("state", "faults")}
Stop: Ctrl-C, or `make down` from another terminal."""


def _functions(azure: "LocalAzure", *, ours: bool) -> str:
    path = azure.work / "local.settings.json"
    if ours:
        return f"""\
Breakwater runs in the local functions host, and watches {azure.urls["upstream"]} every five minutes; to watch now:
  curl -X POST -H 'Content-Type: application/json' -H 'x-functions-key: {azure.master_key}' -d '{{}}' \\
    {azure.urls["functions"]}/admin/functions/watch_upstreams
Staging and base are empty until then. See where every image is, and why:
  curl -H 'x-functions-key: {azure.function_key}' {azure.urls["functions"]}/api/status
Say something about a digest, or ask: make candidates, make explain, make approve, make deny, make release
  with AS= {_people()}
Its settings are in {path}.{_catalog(azure)}
For Core Tools in its place: .venv/bin/python -m local up --no-functions."""
    return f"""\
Settings for Core Tools are written to {path}:
  cp {path} local.settings.json && func start --port {azure.port.functions}
Event Grid subscribes the functions as soon as they answer there."""


def _people() -> str:
    """Say who may be asked as, and what each may do."""
    return ", ".join(
        f"{name.partition('@')[0]} ({', '.join(roles) or 'nothing'})"
        for name, roles in PEOPLE.items()
    )


def _catalog(azure: "LocalAzure") -> str:
    """Say which catalog is read when it is not the one of the checkout."""
    if azure.catalog is None:
        return ""
    return (
        f"\nThe catalog is a copy, with this local Azure's ports: edit {azure.work}/catalog.yaml."
    )
