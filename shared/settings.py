"""The app's settings, read once and checked all together."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.errors import Misconfigured
from shared.values import Credential

_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TENANT = _SUBSCRIPTION
# An application's id, or its App ID URI; where that is api://ID, either will do.
AUDIENCE = re.compile(rf"{_SUBSCRIPTION.pattern}|api://[a-zA-Z0-9._~/-]{{1,200}}")
_TASK = re.compile(r"[a-zA-Z0-9_-]{5,50}")
_TASK_RULE = "an ACR task's name, 5 to 50 letters, digits, - or _"  # ARM's own rule
_STORAGE = "AzureWebJobsStorage__"
_USERNAME = re.compile(r"UPSTREAM_([A-Z0-9_]{1,50})_USERNAME")
_PASSWORD = re.compile(r"UPSTREAM_([A-Z0-9_]{1,50})_PASSWORD")
_WEBHOOK = re.compile(r"WEBHOOK_([A-Z0-9_]{1,50})_SECRET")
_UNREAD = "@Microsoft.KeyVault("  # what a Key Vault reference stays when it cannot be resolved


@dataclass(frozen=True)
class Settings:
    """Everything an operator can set (Azure Functions app settings), typed; times in seconds.

    The host reads WATCH_SCHEDULE and SWEEP_SCHEDULE itself, azure-identity AZURE_CLIENT_ID and
    AZURE_TOKEN_CREDENTIALS; they are no part of this.
    """

    subscription: str
    queue_endpoint: str
    table_endpoint: str
    blob_endpoint: str
    arm_endpoint: str = "https://management.azure.com"
    acr_audience: str = "https://containerregistry.azure.net"
    catalog_url: str = ""
    scan_task: str = "breakwater-scan"
    test_task: str = "breakwater-test"
    import_concurrency: int = 8
    run_concurrency: int = 10
    promotion_concurrency: int = 4
    upstream_concurrency: int = 4
    look_again_seconds: int = 10
    rebuild_grace_seconds: int = 120
    claim_seconds: int = 60
    events_topic_endpoint: str = ""
    watch_seconds: int = 200
    watch_split: int = 2000
    entra_tenant_id: str = ""
    entra_audience: str = ""
    entra_authority: str = "https://login.microsoftonline.com"
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    webhook_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises Misconfigured naming every one that is wrong."""
        read = _Reader(environment)
        settings = cls(
            subscription=read.text("AZURE_SUBSCRIPTION_ID", _SUBSCRIPTION, "a subscription's id"),
            queue_endpoint=read.url(f"{_STORAGE}queueServiceUri"),
            table_endpoint=read.url(f"{_STORAGE}tableServiceUri"),
            blob_endpoint=read.url(f"{_STORAGE}blobServiceUri"),
            arm_endpoint=read.url("ARM_ENDPOINT", cls.arm_endpoint),
            acr_audience=read.url("ACR_AUDIENCE", cls.acr_audience),
            catalog_url=read.url("CATALOG_URL", "", schemes=("https", "file")),
            scan_task=read.text(
                "SCAN_TASK",
                _TASK,
                _TASK_RULE,
                cls.scan_task,
            ),
            test_task=read.text(
                "TEST_TASK",
                _TASK,
                _TASK_RULE,
                cls.test_task,
            ),
            import_concurrency=read.number("IMPORT_CONCURRENCY", cls.import_concurrency, 1, 100),
            run_concurrency=read.number("RUN_CONCURRENCY", cls.run_concurrency, 1, 100),
            promotion_concurrency=read.number(
                "PROMOTION_CONCURRENCY", cls.promotion_concurrency, 1, 100
            ),
            upstream_concurrency=read.number(
                "UPSTREAM_CONCURRENCY", cls.upstream_concurrency, 1, 100
            ),
            # A wait beyond 15 minutes belongs in the ledger, not in a queue (design §2.6).
            look_again_seconds=read.number("LOOK_AGAIN_SECONDS", cls.look_again_seconds, 1, 900),
            rebuild_grace_seconds=read.number(
                "REBUILD_GRACE_SECONDS", cls.rebuild_grace_seconds, 0, 900
            ),
            # How long the claim of a worker that died stands in the way of the next one.
            claim_seconds=read.number("CLAIM_SECONDS", cls.claim_seconds, 1, 600),
            events_topic_endpoint=read.url("EVENTS_TOPIC_ENDPOINT", ""),
            # One round over the upstreams; host.json's functionTimeout is 300.
            watch_seconds=read.number("WATCH_SECONDS", cls.watch_seconds, 10, 240),
            # Tags; more than that are shared among instances over the queue `watch`.
            watch_split=read.number("WATCH_SPLIT", cls.watch_split, 1, 100_000),
            entra_tenant_id=read.text("ENTRA_TENANT_ID", _TENANT, "a tenant's id", ""),
            entra_audience=read.text(
                "ENTRA_AUDIENCE", AUDIENCE, "an application's id or api://…", ""
            ),
            entra_authority=read.url("ENTRA_AUTHORITY", cls.entra_authority),
            credentials=read.credentials(),
            webhook_secrets=read.secrets(_WEBHOOK),
        )
        read.both("ENTRA_TENANT_ID", "ENTRA_AUDIENCE")
        if read.faults:
            raise Misconfigured("\n".join(read.faults))
        return settings


class _Reader:
    """Reads values and collects what is wrong with them; an empty value counts as absent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.faults: list[str] = []

    def text(
        self, name: str, pattern: re.Pattern[str], expected: str, default: str | None = None
    ) -> str:
        return self._value(name, default, expected, lambda value: bool(pattern.fullmatch(value)))

    def url(
        self, name: str, default: str | None = None, *, schemes: tuple[str, ...] = ("https",)
    ) -> str:
        expected = " or ".join(f"a URL like {scheme}://…" for scheme in schemes)
        value = self._value(name, default, expected, lambda value: _is_url(value, schemes))
        return value if "?" in value else value.rstrip("/")

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        expected = f"a whole number from {lowest} to {highest}"
        text = self._value(
            name,
            str(default),
            expected,
            lambda value: (
                value.isascii()
                and value.isdigit()
                and len(value) <= len(str(highest))
                and lowest <= int(value) <= highest
            ),
        )
        return int(text) if text else default

    def both(self, one: str, other: str) -> None:
        """Note a fault where one is set and the other is not."""
        found = {name for name in (one, other) if self.environment.get(name, "").strip()}
        if len(found) == 1:
            (missing,) = {one, other} - found
            self.faults.append(
                f"setting {missing}: expected a value beside {found.pop()}, found nothing"
            )

    def credentials(self) -> dict[str, Credential]:
        """Return every user of an upstream registry, by the name between UPSTREAM_ and _USERNAME."""
        users, passwords = self.secrets(_USERNAME), self.secrets(_PASSWORD)
        for name in sorted(users.keys() ^ passwords.keys()):
            half = "PASSWORD" if name in users else "USERNAME"
            missing = f"UPSTREAM_{name.upper()}_{half}"
            if not self.environment.get(missing, "").strip():  # else its own fault is told
                self.faults.append(f"setting {missing}: expected a value, found nothing")
        both = users.keys() & passwords.keys()
        return {name: Credential(users[name], passwords[name]) for name in both}

    def secrets(self, pattern: re.Pattern[str]) -> dict[str, str]:
        """Return the values of all settings with such a name, by what stands in its middle, in lower case."""
        found: dict[str, str] = {}
        for setting, value in self.environment.items():
            match = pattern.fullmatch(setting)
            text = value.strip()
            if match and text.startswith(_UNREAD):
                self.faults.append(
                    f"setting {setting}: expected a value, found a Key Vault reference that "
                    "could not be resolved"
                )
            elif match and text:
                found[match[1].lower()] = text
        return found

    def _value(
        self, name: str, default: str | None, expected: str, fits: Callable[[str], bool]
    ) -> str:
        value = self.environment.get(name, "").strip()
        if not value and default is not None:
            return default
        if not value:
            self.faults.append(f"setting {name}: expected {expected}, found nothing")
        elif not fits(value):
            shown = value.partition("?")[0][:100]  # a query may be a signature
            self.faults.append(f"setting {name}: expected {expected}, found {shown!r}")
        else:
            return value
        return ""


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in schemes or parts.username is not None:
        return False
    if parts.scheme == "file":
        return not parts.netloc and parts.path.startswith("/")
    return bool(parts.hostname) and port != 0 and not any(each.isspace() for each in value)
