"""`az acr run --cmd`: one command in one container, and what it printed."""

import asyncio
import base64
import re
from typing import Any

import aiohttp
import yaml

_API = "2025-03-01-preview"
_ENDED = frozenset({"Succeeded", "Failed", "Canceled", "Error", "Timeout"})
_AGENT = re.compile(r"\d{4}/\d{2}/\d{2} |Run ID: ")  # what the agent says around the command


class RunFailed(RuntimeError):
    """The run ended otherwise than well; the text is its log's."""


async def run_command(
    session: aiohttp.ClientSession, arm: str, token: str, registry_id: str, command: str
) -> str:
    """Run the command in the registry and return its output. Raises RunFailed."""
    steps = yaml.safe_dump({"version": "v1.1.0", "steps": [{"cmd": command}]})
    body = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(steps.encode()).decode(),
        "platform": {"os": "Linux"},
        "timeout": 300,
    }
    registry = f"{arm}{registry_id}"
    run = await _call(session, token, "POST", f"{registry}/scheduleRun", body)
    where = f"{registry}/runs/{run['properties']['runId']}"
    while run["properties"]["status"] not in _ENDED:
        await asyncio.sleep(0.3)
        run = await _call(session, token, "GET", where)
    link = await _call(session, token, "POST", f"{where}/listLogSasUrl")
    async with session.get(link["logLink"]) as response:
        log = await response.text()
    lines = [line for line in log.splitlines() if line and not _AGENT.match(line)]
    if run["properties"]["status"] != "Succeeded":
        raise RunFailed(log)
    return "\n".join(lines)


async def _call(
    session: aiohttp.ClientSession,
    token: str,
    method: str,
    url: str,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.request(
        method, url, params={"api-version": _API}, json=body, headers=headers
    ) as response:
        response.raise_for_status()
        found: dict[str, Any] = await response.json()
        return found
