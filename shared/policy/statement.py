"""The attached decision: an in-toto statement of what was promoted, and on what grounds."""

import json
from collections.abc import Iterable

from shared.catalog import Image
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy.facts import Facts

PREDICATE = "urn:breakwater:promotion:v1"


def statement(
    facts: Facts, *, base: Repository, tags: Iterable[str], reasons: Iterable[str], catalog: Digest
) -> bytes:
    """Return the statement's JSON (in-toto attestation framework, Statement v1).

    It holds no time, so that writing it twice writes the same thing; the registry knows when.
    """
    body = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": str(base), "digest": {"sha256": facts.digest.hex}}],
        "predicateType": PREDICATE,
        "predicate": {
            "verdict": "promote",
            "source": facts.image.source.at(facts.digest),
            "tags": sorted(tags),
            "reasons": list(reasons),
            "scans": [
                {
                    "platform": str(scan.platform),
                    "digest": str(scan.digest),
                    "report": str(scan.report_digest),
                    "run": scan.run_id,
                }
                for scan in facts.scans
            ],
            "tests": _tests(facts),
            "waivers": [],
            "gate": _gate(facts.image),
            "catalog": {"sha256": catalog.hex},
        },
    }
    return json.dumps(body, indent=2, sort_keys=True).encode()


def _tests(facts: Facts) -> list[dict[str, str]]:
    test = facts.test
    if test is None:
        return []
    return [
        {
            "platform": str(test.platform),
            "digest": str(test.digest),
            "result": str(test.result_digest),
            "run": test.run_id,
        }
    ]


def _gate(image: Image) -> dict[str, str | bool]:
    gate = image.gate
    return {
        "scan": str(gate.scan),
        "block": str(gate.block),
        "fixable_only": gate.fixable_only,
        "age": str(gate.age),
        "dwell": str(gate.dwell),
        "test": image.test.script if image.test else "",
        "reason": gate.reason,
    }
