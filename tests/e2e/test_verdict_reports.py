"""Evidence on real parts: others' reports, VEX, what is required and overridden, an old database."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.azure import CHECKOUT
from local.demo.stage import Stage
from local.demo.upstream import FINDING, TAG, VULNERABLE_OPENSSL
from local.platform.ports import Ports
from local.platform.principals import STAGING
from local.tools.database import METADATA
from shared.oci import media_types
from shared.oci.digest import Digest
from tests.e2e.acts import Acts, Ends
from tests.e2e.asking import api, base_tags, decision, explained, ship, token
from tests.e2e.theatre import theatre
from tests.report_bodies import a_result, raw, sarif
from tests.vexes import openvex, statement

SARIF = "application/sarif+json"
OTHER = "CVE-2024-6119"  # high, and in the vulnerable openssl too
FOREIGN = "CVE-2025-0001"
# What the scanner's database says of itself: too old for one image alone.
UPDATED = datetime.now(UTC) - timedelta(hours=40)
VEX = "openssl.vex.json"


def catalog(ports: Ports) -> str:
    """One image for each thing that is shown, from one upstream."""
    image = f"  - source: localhost:{ports.upstream}/verdict"
    return f"""\
staging: localhost:{ports.staging}
base: localhost:{ports.base}/base
defaults:
  platforms: [linux/amd64]
  gate: {{ scan: trivy, block: high, age: 0h, dwell: 0h }}
  watch: {{ settle: 0m, equivalent: false }}
vex: [{VEX}]
images:
{image}/reported
    name: reported
    tags: [{TAG}]
    gate: {{ approval: manual }}
{image}/garbled
    name: garbled
    tags: [{TAG}]
    gate: {{ approval: manual }}
{image}/vexed
    name: vexed
    tags: [{TAG}]
{image}/required
    name: required
    tags: [{TAG}]
    gate: {{ require: [sbom] }}
{image}/dated
    name: dated
    tags: [{TAG}]
    gate: {{ max_database_age: 36h }}
"""


ACTS = Acts()


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """How each act ended."""
    advisories = tmp_path_factory.mktemp("scanner") / "advisories"
    shutil.copytree(CHECKOUT / "local" / "advisories", advisories)
    (advisories / METADATA).write_text(json.dumps({"UpdatedAt": UPDATED.isoformat()}))

    with theatre(catalog, beside={VEX: _vex()}, advisories=advisories) as there:
        yield ACTS.ends(there, seconds=480)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["reports", "garbles", "excuses", "requires", "ages_the_database"])
def test_the_evidence_on_real_parts(ends: Ends, name: str):
    end = ends[name]
    if end is not None:
        raise end


@ACTS.act
async def reports(there: Stage) -> None:
    """What would pass is rejected by what somebody else found, attached just before its approval."""
    name = "reported"
    white = ship(there, name, "white")
    await there.watch()
    assert "approv" in (await there.reaches(white, "held", image=name))[0]
    body = raw(sarif(a_result(), properties={}))
    found = _pushed(there, name, white, body)

    await _approved(there, name, white)
    reasons = await there.reaches(white, "rejected", image=name)
    assert FOREIGN in " ".join(reasons)
    assert TAG not in base_tags(there, name)
    told = await explained(there, name, white)
    assert told["state"] == "rejected"
    assert FOREIGN in " ".join(told["why"])

    # Nothing but the report was in the way; whoever may push to staging may take it away again.
    _deleted(there, name, found)
    await _approved(there, name, white, comment="it was about another image")
    await there.reaches(white, "promoted", image=name)


@ACTS.act
async def garbles(there: Stage) -> None:
    """One that cannot be read holds, and an override does without it and says so."""
    name = "garbled"
    white = ship(there, name, "white")
    await there.watch()
    await there.reaches(white, "held", image=name)
    found = _pushed(there, name, white, b'{"version": "2.1.0", "runs": ')

    await _approved(there, name, white)
    await there.until(
        lambda: there.state(white, name),
        lambda state: state[0] == "held" and str(found) in " ".join(state[1]),
        "it to be held by a report that cannot be read",
        30,
    )
    told = " ".join((await explained(there, name, white))["would_change"])
    assert "OVERRIDE=1" in told
    assert "`foreign: ignore`" in told
    assert TAG not in base_tags(there, name)

    await _approved(there, name, white, override=True)
    await there.reaches(white, "promoted", image=name)
    assert str(found) in " ".join((await decision(there, name, white))["reasons"])


@ACTS.act
async def excuses(there: Stage) -> None:
    """Only the image that the document is about is excused, and its decision names the document."""
    name = "vexed"
    known = ship(there, name, "white", VULNERABLE_OPENSSL)
    await there.watch()
    await there.reaches(known, "promoted", image=name)
    told = await decision(there, name, known)
    said = " ".join(told["reasons"])
    assert {each["id"] for each in told["waivers"]} == {FINDING, OTHER}
    assert VEX in json.dumps(told["waivers"])
    assert VEX in said
    assert "vulnerable_code_not_present" in said


@ACTS.act
async def requires(there: Stage) -> None:
    """What no run makes yet is held for, until an Operator overrides; an Approver may not."""
    name = "required"
    white = ship(there, name, "white")
    await there.watch()
    assert "requires sbom" in (await there.reaches(white, "held", image=name))[0]
    comment = "the bill of materials is on its way"
    asked = {"image": name, "digest": str(white), "comment": comment, "override": True}
    status, body = await api(there, "approve", asked, await token(there, "bob"))
    assert status == 403, body
    await _approved(there, name, white)
    await there.rests()
    assert (await there.state(white, name))[0] == "held"
    assert TAG not in base_tags(there, name)

    await _approved(there, name, white, comment=comment, override=True)
    await there.reaches(white, "promoted", image=name)
    told = await decision(there, name, white)
    assert (told["approval"]["override"], told["approval"]["comment"]) == (True, comment)
    assert told["approval"]["by"].startswith("alice")
    assert "requires sbom" in " ".join(told["reasons"])


@ACTS.act
async def ages_the_database(there: Stage) -> None:
    name = "dated"
    white = ship(there, name, "white")
    await there.watch()
    (reason,) = await there.reaches(white, "held", image=name)
    assert reason.startswith(
        f"the scanner's database for the report on linux/amd64 is of {UPDATED:%Y-%m-%d %H:%M} UTC,"
        " and must not be older than 36 hours; it is scanned again on "
    )
    told = await explained(there, name, white)
    assert told["looked_at_again"]
    said = " ".join(told["would_change"])
    assert "`max_database_age`" in said
    assert "`max_age`" not in said
    assert TAG not in base_tags(there, name)


def _vex() -> bytes:
    products = ("pkg:oci/vexed",)
    return openvex(*(statement(*products, id=each) for each in (FINDING, OTHER)))


async def _approved(
    there: Stage,
    name: str,
    digest: Digest,
    *,
    comment: str = "looked at it",
    override: bool = False,
) -> None:
    who = "alice" if override else "bob"
    asked: dict[str, Any] = {"image": name, "digest": str(digest), "comment": comment}
    asked |= {"override": True} if override else {}
    status, body = await api(there, "approve", asked, await token(there, who))
    assert status == 200, body


def _pushed(there: Stage, name: str, digest: Digest, content: bytes) -> Digest:
    """Attach a report as somebody else's pipeline would: a plain push to staging."""
    registry = there.azure.registries[STAGING]
    held = registry.manifest(name, str(digest))
    assert held is not None
    empty, blob = registry.put_blob(name, b"{}"), registry.put_blob(name, content)
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": SARIF,
        "config": _descriptor("application/vnd.oci.empty.v1+json", empty, 2),
        "layers": [_descriptor(SARIF, blob, len(content))],
        "subject": _descriptor(held.media_type, digest, len(held.raw)),
    }
    manifest = raw(body)
    return registry.put_manifest(name, str(Digest.of(manifest)), media_types.OCI_MANIFEST, manifest)


def _descriptor(media_type: str, digest: Digest, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(digest), "size": size}


def _deleted(there: Stage, name: str, digest: Digest) -> None:
    there.azure.registries[STAGING].delete_manifest(name, str(digest))
