"""The app settings infra gives the function app, with the local Azure's addresses in them."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from local.acr.registry import SUBSCRIPTION
from local.directory import TENANT
from local.platform.ports import Ports
from local.platform.principals import AUDIENCE
from local.platform.storage import Storage

# ACR's names of tasks have 5 to 50 characters.
SCAN_TASK, TEST_TASK = "breakwater-scan", "breakwater-test"


def new_keys() -> dict[str, str]:
    """Make the functions host's keys."""
    names = ("master", "function", "eventgrid_extension")
    return {name: secrets.token_urlsafe(24) for name in names}


def addresses(port: Ports, login_servers: Mapping[str, str], storage: Storage) -> dict[str, str]:
    """Return every address of the local Azure by what answers there."""
    return {
        **{name: f"https://{login}" for name, login in login_servers.items()},
        "arm": f"https://localhost:{port.arm}",
        "identity": f"http://127.0.0.1:{port.identity}/msi/token",
        "control": f"http://127.0.0.1:{port.identity}/_local/state",
        "topic": f"https://localhost:{port.topic}/api/events",
        "login": f"https://localhost:{port.login}",
        "blobs": storage.blobs,
        "queues": storage.queues,
        "tables": storage.tables,
        "functions": f"http://127.0.0.1:{port.functions}",
    }


def catalog_url(work: Path, text: str | None) -> str:
    """Write the catalog into the work folder and return its URL; empty for the app's own catalog."""
    if text is None:
        return ""
    path = work / "catalog.yaml"
    path.write_text(text, "utf-8")
    return path.resolve().as_uri()


def values(
    storage: Storage,
    *,
    environment: Mapping[str, str],
    arm: str,
    topic: str,
    login: str,
    catalog: str,
    client_id: str,
) -> dict[str, str]:
    """Return all app settings.

    `environment` is what Azure puts there by itself: trust, and where the identity endpoint is.
    """
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "16",
        **storage.settings(),
        **environment,
        "AZURE_TOKEN_CREDENTIALS": "prod",
        "AZURE_CLIENT_ID": client_id,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "ARM_ENDPOINT": arm,
        "ACR_AUDIENCE": "https://containerregistry.azure.net",
        "EVENTS_TOPIC_ENDPOINT": topic,
        "ENTRA_TENANT_ID": TENANT,
        "ENTRA_AUDIENCE": AUDIENCE,
        "ENTRA_AUTHORITY": login,
        "CATALOG_URL": catalog,
        "SCAN_TASK": SCAN_TASK,
        "TEST_TASK": TEST_TASK,
        "WATCH_SCHEDULE": "0 */5 * * * *",
        "SWEEP_SCHEDULE": "30 */5 * * * *",
        # A laptop's imports and runs end in seconds, not minutes.
        "LOOK_AGAIN_SECONDS": "2",
        "REBUILD_GRACE_SECONDS": "5",
        "IMPORT_CONCURRENCY": "8",
        "RUN_CONCURRENCY": "10",
        "PROMOTION_CONCURRENCY": "4",
        "UPSTREAM_CONCURRENCY": "4",
    }
