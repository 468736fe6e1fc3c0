"""The upstreams of the process's services: who they may be is read from the settings, when needed."""

import asyncio
from collections.abc import Mapping

import pytest

from shared.catalog import Upstream
from shared.errors import Misconfigured
from shared.services import build
from shared.settings import Settings
from shared.values import Credential


def _enter(upstream: Upstream, credentials: Mapping[str, Credential]) -> None:
    settings = Settings(
        subscription="00000000-0000-0000-0000-0000000000bb",
        queue_endpoint="https://q.example",
        table_endpoint="https://t.example",
        blob_endpoint="https://b.example",
        credentials=credentials,
    )
    upstreams = build(settings).upstreams

    async def enter() -> None:
        async with upstreams.visit({upstream.registry: upstream}, seconds=1):
            pass

    asyncio.run(enter())


def test_credentials_that_are_not_in_the_settings_are_named():
    with pytest.raises(Misconfigured, match=r"quay\.io: expected settings UPSTREAM_QUAY_USERNAME"):
        _enter(Upstream("quay.io", credentials="quay"), {})


def test_credentials_are_found_whatever_the_case_of_their_name():
    _enter(Upstream("quay.io", credentials="Quay"), {"quay": Credential("ann", "word")})


def test_the_apps_identity_is_not_asked_for_before_a_registry_wants_it():
    _enter(Upstream("other.azurecr.io", entra=True), {})
