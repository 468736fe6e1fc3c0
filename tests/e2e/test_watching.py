"""A private upstream on real parts: a rule finds its tags, a webhook has to prove itself, a move settles first."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.acr.registry import Registry
from local.demo.stage import IMAGE, Stage, stage
from local.demo.upstream import REPOSITORY, Node
from local.images import push
from local.platform.ports import Ports
from local.platform.principals import UPSTREAM, USER
from shared.oci.digest import Digest
from tests.e2e.asking import told_at
from tests.e2e.theatre import QUICK

SECRET = "webhook secret of the test"


def catalog(ports: Ports) -> str:
    return f"""\
staging: localhost:{ports.staging}
base: localhost:{ports.base}/base
defaults:
  gate: {{ scan: none, age: 24h, reason: this is about watching alone }}
  watch: {{ settle: 1m }}
images:
  - source: localhost:{ports.upstream}/{REPOSITORY}
    tags: {{ semver: ">=9", suffix: -alpine, newest: 1 }}
upstreams:
  - {{ registry: "localhost:{ports.upstream}", credentials: hub, webhook: hub }}
"""


def ship(registry: Registry, node: Node, tag: str) -> Digest:
    return push(node.built(), registry, REPOSITORY, tag)


async def webhook(there: Stage, registry: Registry, authorization: str) -> tuple[int, str]:
    """Tell of a push as ACR does (ACR docs, container-registry-webhook-reference)."""
    body = {
        "id": "1",
        "action": "push",
        "target": {"repository": REPOSITORY, "tag": "9-alpine", "digest": str(Digest.of(b"a lie"))},
        "request": {"host": registry.login_server, "method": "PUT"},
    }
    url = f"http://127.0.0.1:{there.azure.port.functions}/api/upstream-pushed"
    headers = {"x-functions-key": there.azure.function_key}
    if authorization:
        headers["Authorization"] = authorization
    async with there.azure.session.post(url, data=json.dumps(body), headers=headers) as answer:
        return answer.status, await answer.text()


async def told(there: Stage, event: str, digest: Digest | str, seconds: float = 120) -> str:
    """Wait for a journal entry; return its reasons."""

    async def look() -> list[str]:
        entries = await there.journal()
        found = (each for each in entries if (each.event, each.digest) == (event, str(digest)))
        return [" ".join(each.reasons) for each in found]

    found = await there.until(look, bool, f"{event} of {str(digest)[:20]}", seconds)
    return found[0]


async def tags(there: Stage) -> set[str]:
    """Return staging's tags; in a thread, as the registry is served by this very loop."""
    found = await asyncio.to_thread(lambda: list(there.services.data_plane.tags(there.staging)))
    return {each.name for each in found}


async def play(work: Path) -> None:
    ports = Ports.free()
    settings = QUICK | {"WEBHOOK_HUB_SECRET": SECRET, "UPSTREAM_HUB_USERNAME": USER}
    async with stage(
        work,
        ports=ports,
        catalog=catalog(ports),
        password="of the operator",  # of a registry that lives as long as the test
        overrides=settings | {"UPSTREAM_HUB_PASSWORD": "of the operator"},
    ) as there:
        registry = there.azure.registries[UPSTREAM]
        registry.anonymous_pull = False
        ship(registry, Node("old"), "8-alpine")
        ship(registry, Node("other"), "9.1-slim")
        white = ship(registry, Node("white"), "9-alpine")

        await there.watch()
        assert await told(there, "tags appeared", "") == "9-alpine"
        await told(there, "imported", white)
        assert "too young" in (await there.reaches(white, "held"))[0]

        moved = datetime.now(UTC)
        blue = ship(registry, Node("blue"), "9-alpine")
        status, text = await webhook(there, registry, "")
        assert status == 401, text
        assert "node" not in text
        status, text = await webhook(there, registry, f"Bearer {SECRET}")
        assert (status, "node" in text) == (202, True), text
        await told(there, "imported", blue, seconds=240)
        (detected,) = await told_at(there, IMAGE, "detected", blue)
        assert detected - moved >= timedelta(minutes=1)

        ship(registry, Node("newest"), "10-alpine")
        await there.watch()
        await told(there, "tags dropped", "")
        await there.until(lambda: tags(there), {"9-alpine", "10-alpine"}.issubset, "both tags", 120)
        await there.rests()


@pytest.mark.timeout(600)
def test_a_private_upstream_is_watched_by_rule_with_its_own_user_and_moves_settle(tmp_path: Path):
    asyncio.run(play(tmp_path))
