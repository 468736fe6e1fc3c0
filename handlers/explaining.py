"""Explaining a candidate: gather without touching anything, decide, and say why."""

import json
from datetime import datetime
from typing import Any

from handlers import catalogs, gathering
from handlers.looking import AGAIN
from handlers.plain import plain
from handlers.recording import STATE, Subject, enforced
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy import evidence
from shared.policy.candidate import State, decide
from shared.policy.explaining import explain
from shared.policy.sweeping import SETTLED
from shared.services import Services
from shared.values import ManifestEntry, Row


def explained(
    services: Services, image_name: str, digest: Digest, catalog: Catalog | None = None
) -> dict[str, Any] | None:
    """Say, ready for JSON, why a digest of an image is where it is; None when nothing is known of it.

    Nothing is started, followed or written: asking changes nothing.
    """
    catalog = catalog or catalogs.current(services)
    image = catalogs.image(services, catalog, image_name)
    subject = Subject(image_name, digest, new_trace())
    rows = {row.key: row for row in services.ledger.rows(subject.id)}
    if image is None:
        return _dropped(subject, rows.get(STATE))
    facts = gathering.facts(services, catalog, image, subject, follow=False)
    in_base = services.data_plane.manifest_entry(_base(catalog, image), digest)
    seen = any(each.span(digest) for each in facts.watched)
    if not (facts.staged or in_base or rows or facts.rulings or seen):
        return None
    now = services.clock.now()
    decision = decide(facts, now)
    current = any(each.current == digest for each in facts.watched) or (
        digest in facts.base.values()
    )
    reached = facts.staged is not None or (digest in facts.base.values() and not facts.decided)
    sweeps = reached and (current or decision.state.value not in SETTLED)
    said = explain(facts, decision, now, due=_due(rows), sweeps=sweeps)
    state = rows.get(STATE)
    known = _known(state)
    failed = decision.state is State.PROMOTING and known.get("state") == State.FAILED.value
    return {
        "image": image_name,
        "digest": str(digest),
        "state": State.FAILED.value if failed else said.state,
        "why": [
            *map(plain, said.why),
            *_when_promoted(state, decision.state),
            *_at_last(known, decision.state),
            *_only_in_base(facts, in_base),
        ],
        "would_change": list(map(plain, said.would_change)),
        "looked_at_again": said.looked_at_again,
        "evidence": {**said.evidence, "ledger": known or None},
        # What is promoted asks no gate any more: its row says what enforce would have said.
        "enforced": evidence.enforced(decision.enforced or (enforced(state) if state else None)),
    }


def _base(catalog: Catalog, image: Image) -> Repository:
    return catalog.base.repository(image.name)


def _dropped(subject: Subject, row: Row | None) -> dict[str, Any] | None:
    """Answer for an image that the catalog does not list: what the ledger remembers, if anything."""
    known = _known(row)
    if not known:
        return None
    return {
        "image": subject.image,
        "digest": str(subject.digest),
        "state": known["state"],
        "why": [f"the catalog does not list {subject.image} any more", *_last(known)],
        "would_change": [f"list {subject.image} in the catalog again"],
        "looked_at_again": "not while the catalog does not list its image",
        "evidence": {"ledger": known},
        "enforced": None,
    }


def _due(rows: dict[str, Row]) -> datetime | None:
    """Return when the next look is certain: at its due time, or as the chain of looks goes on."""
    state, again = rows.get(STATE), rows.get(AGAIN)
    times = [
        *([state.due] if state and state.due else []),
        *([datetime.fromisoformat(str(again.values["at"]))] if again else []),
    ]
    return min(times, default=None)


def _known(row: Row | None) -> dict[str, Any]:
    """Return what the last look left in the ledger."""
    if row is None:
        return {}
    return {
        "state": str(row.values["state"]),
        "since": str(row.values["since"]),
        "reasons": json.loads(str(row.values["reasons"])),
    }


def _when_promoted(row: Row | None, state: State) -> list[str]:
    """Say why it passed, and what enforce would have said: what is promoted asks no gate any more."""
    if row is None or state is not State.PROMOTED:
        return []
    passed = "; ".join(json.loads(str(row.values.get("passed") or "[]")))
    said = [f"when it passed: {passed}"] if passed else []
    would = enforced(row)
    if would is not None:
        why = "; ".join(would.reasons)
        said.append(f"with mode: enforce it would have been {would.state.value}: {why}")
    return said


def _at_last(known: dict[str, Any], state: State) -> list[str]:
    """Say what the last look found, where the facts say something else by now."""
    return _last(known) if known and known["state"] != state.value else []


def _last(known: dict[str, Any]) -> list[str]:
    reasons = "; ".join(known["reasons"])
    since = f"{datetime.fromisoformat(known['since']):%Y-%m-%d %H:%M} UTC"
    return [
        f"when it was last looked at, its state was {known['state']}: {reasons} (since {since})"
    ]


def _only_in_base(facts: gathering.Gathered, entry: ManifestEntry | None) -> list[str]:
    """Say where base has it, when no watched tag of base is this digest."""
    if entry is None or facts.digest in facts.base.values():
        return []
    tags = " and ".join(entry.tags) or "no tag"
    return [f"base holds it under {tags}, and none of its watched tags is this digest"]
