"""The attached decision: an in-toto statement of what was promoted, and on what grounds."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from shared.catalog import Image
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy import evidence
from shared.policy.actions import Enforced, Grounds
from shared.policy.facts import Facts

PREDICATE = "urn:breakwater:promotion:v1"
LARGEST = 512 * 1024  # bytes

_NONE = Grounds()

_LISTS = ("reasons", "waivers", "deltas", "overridden", "moving")
# How many items of a list, and how many characters of a text, from generous to what always fits; a digest has 71.
_ROOM = ((500, 1000), (200, 300), (50, 200), (10, 100), (1, 80))


def statement(
    facts: Facts,
    *,
    base: Repository,
    tags: Iterable[str],
    reasons: Iterable[str],
    catalog: Digest,
    grounds: Grounds = _NONE,
    enforced: Enforced | None = None,
) -> bytes:
    """Return the statement's JSON (in-toto attestation framework, Statement v1), of at most LARGEST bytes.

    No clock is read, so that writing it twice writes the same thing; its times are those of reports and of an
    approval, and the registry knows when it was attached. Of long lists it holds the beginning, and how many
    more there were.
    """
    image = facts.image
    predicate: dict[str, Any] = {
        "verdict": "promote",
        "mode": str(image.gate.mode),
        "enforced": evidence.enforced(enforced),
        "source": image.source.at(facts.digest),
        "tags": sorted(tags),
        "reasons": list(reasons),
        "scans": [evidence.scanned(scan) for scan in facts.scans],
        "tests": _tests(facts),
        **evidence.grounds(grounds),
        "gate": _gate(image),
        "catalog": {"sha256": catalog.hex},
    }
    body = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": str(base), "digest": {"sha256": facts.digest.hex}}],
        "predicateType": PREDICATE,
    }
    return _written(body, predicate)


def _written(body: dict[str, Any], predicate: dict[str, Any]) -> bytes:
    """Return the statement with as much of the predicate as there is room for."""
    written = b""
    for items, characters in _ROOM:
        cut = _cut(predicate, items, characters)
        written = json.dumps(body | {"predicate": cut}, indent=2, sort_keys=True).encode()
        if len(written) <= LARGEST:
            break
    return written


def _cut(predicate: dict[str, Any], items: int, characters: int) -> dict[str, Any]:
    """Shorten what others chose the length of; digests stay whole."""
    cut = {name: _short(predicate[name], characters) for name in _LISTS}
    left_off = {name: len(each) - items for name, each in cut.items() if len(each) > items}
    shown = {name: each[:items] for name, each in cut.items()}
    rest = {name: _short(predicate[name], characters) for name in ("approval", "enforced", "gate")}
    said = rest["enforced"]
    if said is not None and len(said["reasons"]) > items:
        left_off["enforced"] = len(said["reasons"]) - items
        rest["enforced"] = said | {"reasons": said["reasons"][:items]}
    more = {"left_off": left_off} if left_off else {}
    return predicate | shown | rest | more


def _short(value: Any, characters: int) -> Any:  # noqa: ANN401 any JSON
    if isinstance(value, str):
        return value if len(value) <= characters else f"{value[: characters - 1]}…"
    if isinstance(value, list):
        return [_short(each, characters) for each in value]
    if isinstance(value, dict):
        return {name: _short(each, characters) for name, each in value.items()}
    return value


def _tests(facts: Facts) -> list[dict[str, str]]:
    test = facts.test
    if test is None:
        return []
    return [
        {
            "platform": str(test.platform),
            "digest": str(test.digest),
            "result": evidence.digest(test.result_digest),
            "run": test.run_id,
        }
    ]


def _gate(image: Image) -> dict[str, str | bool | list[str]]:
    """Return every demand of the gate, as the catalog calls it."""
    found = {each.name: getattr(image.gate, each.name) for each in fields(image.gate)}
    demands: dict[str, str | bool | list[str]] = {
        name: value
        if isinstance(value, bool)
        else [str(each) for each in value]
        if isinstance(value, tuple)
        else str(value)
        for name, value in found.items()
    }
    return demands | {"test": image.test.script if image.test else ""}
