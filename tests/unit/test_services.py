"""The app's services are cheap until they are used."""

import subprocess
import sys

import pytest

from shared.errors import Misconfigured
from shared.services import Services, build, services
from shared.values import Entry
from tests.fakes import world

HEAVY = "azure", "aiohttp", "requests", "jwt", "cryptography"


def _loaded(code: str) -> set[str]:
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_building_services_imports_no_sdk():
    code = (
        "from shared.services import build; from shared.settings import Settings; "
        "build(Settings('s', 'https://q', 'https://t', 'https://b'))"
    )
    assert not _loaded(code) & set(HEAVY)


def test_an_adapter_is_made_once_when_it_is_first_used():
    built = build(world().settings)
    first = built.catalog_source.catalog.__self__  # type: ignore[attr-defined] # the adapter behind
    assert built.catalog_source.file.__self__ is first  # type: ignore[attr-defined] # likewise


def test_without_a_topic_announcing_does_nothing():
    build(world().settings).announcements.publish(
        Entry(world().clock.now(), "node", "", "promoted")
    )


def test_a_world_of_fakes_is_services_too():
    faked = world("staging: x").services
    assert isinstance(faked, Services)
    assert faked.catalog_source.catalog() == ("catalog.yaml", "staging: x")


def test_services_name_every_wrong_setting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID", raising=False)
    monkeypatch.setenv("IMPORT_CONCURRENCY", "many")
    services.cache_clear()
    with pytest.raises(Misconfigured, match=r"AZURE_SUBSCRIPTION_ID(.|\n)*IMPORT_CONCURRENCY"):
        services()
