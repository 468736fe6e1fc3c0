"""App settings and host keys, read from a file of local.settings.json's shape."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What a child inherits besides the app settings: how to find programs, trust and identity.
_INHERITED = re.compile(
    r"PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|VIRTUAL_ENV|PYTHON(?!PATH)\w+"
    r"|\w*(?:CA_BUNDLE|CA_CERTS|CERT_FILE|CERT_DIR)|(?:HTTPS?|NO|ALL)_PROXY"
    r"|IDENTITY_\w+|MSI_\w+|AZURE_\w+",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"%([^%]+)%")

# Azurite's account name and key are the same everywhere and published.
_DEVELOPMENT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)


class SettingsError(Exception):
    """A setting that is missing or cannot be what it is."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The host's keys; all empty means that no key is asked for, as `func start` does it."""

    master: str = ""
    function: str = ""
    eventgrid: str = ""

    @property
    def required(self) -> bool:
        """Say whether callers need keys at all."""
        return bool(self.master or self.function or self.eventgrid)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one account's queues: a connection string, or an address for the app's identity."""

    connection_string: str = ""
    url: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The app settings, looked up as .NET configuration does: case does not matter, `:` is `__`."""

    values: Mapping[str, str]
    keys: Keys = field(default_factory=Keys)

    def get(self, name: str) -> str | None:
        """Return the setting's value, or None."""
        if name in self.values:
            return self.values[name]
        wanted = _folded(name)
        return next((v for k, v in self.values.items() if _folded(k) == wanted), None)

    def resolve(self, text: str) -> str:
        """Replace every %NAME% by that setting. Raises SettingsError naming the missing one."""

        def value(match: re.Match[str]) -> str:
            found = self.get(match[1])
            if found is None:
                message = f"'%{match[1]}%' does not resolve to a value."
                raise SettingsError(message)
            return found

        return _PLACEHOLDER.sub(value, text)

    def connection(self, name: str) -> Connection:
        """Return the queue connection of this name (empty: the host's own). Raises SettingsError."""
        name = name or "AzureWebJobsStorage"
        for candidate in (name, f"AzureWebJobs{name}"):
            exact = self.get(candidate)
            if exact:
                development = "usedevelopmentstorage=true" in exact.lower()
                return Connection(connection_string=_DEVELOPMENT if development else exact)
            account = self.get(f"{candidate}__accountName")
            url = self.get(f"{candidate}__queueServiceUri") or (
                f"https://{account}.queue.core.windows.net" if account else ""
            )
            if url:
                client_id = self.get(f"{candidate}__clientId") or self.get("AZURE_CLIENT_ID") or ""
                return Connection(url=url.rstrip("/"), client_id=client_id)
        message = f"expected the setting {name} or {name}__queueServiceUri, found neither"
        raise SettingsError(message)

    def disabled(self, function: str) -> bool:
        """Say whether a setting switches the function off."""
        names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs__{function}__Disabled")
        return any((self.get(name) or "").lower() in {"1", "true"} for name in names)

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the worker's environment: the app settings over the little it inherits."""
        kept = {name: value for name, value in inherited.items() if _INHERITED.fullmatch(name)}
        # Core Tools always say Development; polling is quicker then (see hostjson).
        return kept | {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"} | dict(self.values)


def read_settings(path: Path) -> Settings:
    """Read a settings file. Raises SettingsError naming the file, the key, what was expected and found."""
    try:
        document: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        message = f"{path}: expected a JSON file of local.settings.json's shape, found {error}"
        raise SettingsError(message) from error
    values = document.get("Values", {}) if isinstance(document, dict) else None
    if not isinstance(values, dict):
        message = f'{path}: expected an object with "Values": {{...}}'
        raise SettingsError(message)
    for name, value in values.items():
        if not isinstance(value, str):
            message = f"{path}: Values.{name}: expected a string, found {json.dumps(value)}"
            raise SettingsError(message)
    host = document.get("Host") or {}
    return Settings(values, _keys(path, host.get("Keys") or {}))


def _keys(path: Path, written: Mapping[str, Any]) -> Keys:
    names = {"master": "master", "function": "function", "eventgrid_extension": "eventgrid"}
    for name, value in written.items():
        if name not in names or not isinstance(value, str) or not value:
            message = f"{path}: Host.Keys.{name}: expected a text under {', '.join(names)}"
            raise SettingsError(message)
    return Keys(**{names[name]: value for name, value in written.items()})


def _folded(name: str) -> str:
    return name.replace(":", "__").lower()
