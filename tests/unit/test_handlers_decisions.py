"""Which decision in base is ours: the one that says so about this very digest, in our form."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from handlers import gathering
from shared.catalog import load
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.policy.facts import Facts
from shared.policy.statement import statement
from tests.builders import an_artifact
from tests.fake_registries import FakeRegistries
from tests.fakes import index
from tests.machine import BASE, CATALOG, PLATFORMS, TAG, Machine

NEXT = index("the publisher's next", PLATFORMS)[-1]


def genuine() -> dict[str, Any]:
    """The body of our decision on NEXT."""
    catalog = load("catalog.yaml", CATALOG)
    facts = Facts(catalog.images[0], NEXT.digest, ())
    text = statement(facts, base=BASE, tags=(TAG,), reasons=(), catalog=catalog.digest_of_text)
    return dict(json.loads(text))


def altered(**changes: Any) -> bytes:
    return json.dumps(genuine() | changes).encode()


def attach(registries: FakeRegistries, content: bytes, media_type: str = "") -> Digest:
    registries.push(BASE, NEXT)
    return registries.attach(
        BASE,
        NEXT.descriptor,
        artifact_type=media_types.DECISION_ARTIFACT,
        media_type=media_type or media_types.DECISION,
        content=content,
        annotations={},
    )


FORGERIES: dict[str, Callable[[FakeRegistries], object]] = {
    "no JSON": lambda r: attach(r, b"\xff"),
    "a list": lambda r: attach(r, b"[]"),
    "endless": lambda r: attach(r, b"[" * 100_000),
    "too large": lambda r: attach(r, altered(padding="x" * 1024 * 1024)),
    "another predicate": lambda r: attach(
        r, altered(predicateType="https://slsa.dev/provenance/v1")
    ),
    "another statement": lambda r: attach(r, altered(_type="https://in-toto.io/Statement/v0.1")),
    "another digest": lambda r: attach(
        r, altered(subject=[{"name": str(BASE), "digest": {"sha256": "0" * 64}}])
    ),
    "another repository": lambda r: attach(
        r, altered(subject=[{"name": "elsewhere", "digest": {"sha256": NEXT.digest.hex}}])
    ),
    "two subjects": lambda r: attach(r, altered(subject=genuine()["subject"] * 2)),
    "no predicate": lambda r: attach(r, altered(predicate=None)),
    "a report that is no digest": lambda r: attach(
        r, altered(predicate=genuine()["predicate"] | {"scans": [{"report": "x"}]})
    ),
    "another media type": lambda r: attach(r, altered(), "application/json"),
    "no blob": lambda r: (
        r.push(BASE, NEXT),
        r.push(BASE, an_artifact(media_types.DECISION_ARTIFACT, NEXT.descriptor, b"never pushed")),
    ),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_only_looks_like_our_decision_is_none(forge: Callable[[FakeRegistries], object]):
    machine = Machine()
    forge(machine.world.registries)

    assert gathering.decision(machine.services, BASE, NEXT.digest) is None


def test_our_decision_is_found_behind_a_forged_one():
    machine = Machine()
    attach(machine.world.registries, b"{}")
    ours = attach(machine.world.registries, altered())

    found = gathering.decision(machine.services, BASE, NEXT.digest)

    assert found == gathering.Decided(ours, ())
