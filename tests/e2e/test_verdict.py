"""The verdict on real parts: what is compared, waited for, approved, observed and adopted."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest

from local import images
from local.demo.stage import Stage
from local.demo.upstream import FINDING, FIXED_OPENSSL, TAG, VULNERABLE_OPENSSL, Node
from local.platform.ports import Ports
from local.platform.principals import BASE, STAGING
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from tests.e2e.acts import Acts, Ends
from tests.e2e.asking import api, base_tags, decision, explained, ship, token, told_at
from tests.e2e.theatre import theatre

OTHER = "CVE-2024-6119"  # high, and in the vulnerable openssl too
# Between two moves of a tag whose digests age for a minute: long enough for the first one's promotion to be over before
# the second's begins, short enough for the tag to move before anything has aged; on a machine that pauses, too.
BETWEEN = 20.0  # seconds


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
images:
{image}/compared
    name: compared
    tags: [{TAG}]
    gate: {{ compare: not-worse }}
{image}/approved
    name: approved
    tags: [{TAG}]
    gate: {{ approval: manual }}
{image}/aged
    name: aged
    tags: [{TAG}]
    gate: {{ scan: none, age: 1m, reason: this is about age alone }}
{image}/withdrawn
    name: withdrawn
    tags: [{TAG}]
    gate: {{ scan: none, age: 1m, dwell: 1h, reason: this is about dwell alone }}
{image}/observed
    name: observed
    tags: [{TAG}]
    gate: {{ mode: observe }}
{image}/waived
    name: waived
    tags: [{TAG}]
waivers:
  - {{ id: {FINDING}, image: waived, reason: not reachable, owner: us@contoso.com, expires: 2035-12-31 }}
  - {{ id: {OTHER}, image: "wai*", reason: no TLS here, owner: us@contoso.com, expires: 2035-12-31 }}
"""


ACTS = Acts()


@pytest.fixture(scope="module")
def ends() -> Iterator[Ends]:
    """How each act ended."""
    with theatre(catalog) as there:
        yield ACTS.ends(there, seconds=780)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", ["compares", "approves", "ages", "withdraws", "observes", "waives"]
)
def test_the_verdict_on_real_parts(ends: Ends, name: str):
    end = ends[name]
    if end is not None:
        raise end


@ACTS.act
async def compares(there: Stage) -> None:
    """Adoption first: base has a vulnerable image that Breakwater knows nothing of."""
    name, base = "compared", there.azure.registries[BASE]
    old = images.push(Node("grey", VULNERABLE_OPENSSL).built(), base, f"base/{name}", TAG)
    await there.sweep()

    async def unique() -> tuple[str, bool, bool]:
        found = base.tags(f"base/{name}").get(unique_tag(TAG, old))
        held = found.attributes if found else None
        return (found.digest, held.write, held.delete) if found and held else ("", True, True)

    expected = (str(old), False, False)
    await there.until(unique, lambda found: found == expected, "a locked unique tag", 60)
    assert base_tags(there, name)[TAG] == str(old)
    assert "promoted by others" in (await there.reaches(old, "promoted", image=name))[0]

    same = ship(there, name, "white", VULNERABLE_OPENSSL)
    await there.watch()
    await there.reaches(same, "promoted", image=name)
    tags = base_tags(there, name)
    assert (tags[TAG], tags[unique_tag(TAG, old)]) == (str(same), str(old))
    told = await decision(there, name, same)
    assert FINDING not in " ".join(told["reasons"])
    assert "compared with" in " ".join(told["reasons"])

    fixed = ship(there, name, "blue", FIXED_OPENSSL)
    await there.watch()
    await there.reaches(fixed, "promoted", image=name)
    assert "\N{MINUS SIGN}2 critical, \N{MINUS SIGN}2 high" in " ".join(
        (await decision(there, name, fixed))["reasons"]
    )

    worse = ship(there, name, "green", VULNERABLE_OPENSSL)
    await there.watch()
    reasons = await there.reaches(worse, "rejected", image=name)
    assert FINDING in " ".join(reasons)
    assert base_tags(there, name)[TAG] == str(fixed)


@ACTS.act
async def approves(there: Stage) -> None:
    name = "approved"
    white = ship(there, name, "white")
    await there.watch()
    assert "approv" in (await there.reaches(white, "held", image=name))[0]
    asked = {"image": name, "digest": str(white), "comment": "tried it on the build farm"}

    azure = there.azure
    outsider = azure.directory.token(azure.principals.breakwater, "https://management.azure.com")
    key = {"x-functions-key": azure.function_key}
    for carried, headers, expected in (
        ("", {}, 401),
        ("", key, 401),
        (outsider, {}, 401),
        ((await token(there, "bob")) + "x", {}, 401),
        (await token(there, "dave"), {}, 403),
        (await token(there, "carol"), key, 403),
    ):
        status, body = await api(there, "approve", asked, carried, **headers)
        assert (status, "error" in body) == (expected, True), body
    assert (await there.state(white, name))[0] == "held"
    assert "approve" in " ".join((await explained(there, name, white))["would_change"])

    status, body = await api(there, "approve", asked, await token(there, "bob"))
    assert status == 200, body
    await there.reaches(white, "promoted", image=name)
    approval = (await decision(there, name, white))["approval"]
    assert (approval["by"].split("@")[0], approval["comment"]) == ("bob", asked["comment"])

    denied = ship(there, name, "blue")
    await there.watch()
    await there.reaches(denied, "held", image=name)
    asked = {"image": name, "digest": str(denied), "comment": "the maintainer is gone"}
    status, body = await api(there, "deny", asked, await token(there, "bob"))
    assert status == 200, body
    assert "the maintainer is gone" in " ".join(await there.reaches(denied, "rejected", image=name))
    status, body = await api(there, "approve", asked, await token(there, "bob"))
    assert status == 409, body
    assert base_tags(there, name)[TAG] == str(white)


@ACTS.act
async def ages(there: Stage) -> None:
    """The tag moves faster than anything ages; each digest is promoted when its time has come."""
    name = "aged"
    shipped: list[Digest] = []
    for colour in ("white", "blue", "green"):
        if shipped:
            await asyncio.sleep(BETWEEN)
        shipped.append(ship(there, name, colour))
        await there.watch()
        assert "too young" in (await there.reaches(shipped[-1], "held", image=name))[0]
    times = [await promoted_at(there, name, each) for each in shipped]
    assert times == sorted(times)
    staged = there.azure.registries[STAGING].manifests(name)
    for digest in shipped:
        promoting = (await told_at(there, name, "promoting", digest))[0]
        assert promoting - staged[str(digest)].created >= timedelta(minutes=1)
    assert base_tags(there, name)[TAG] == str(shipped[-1])


@ACTS.act
async def withdraws(there: Stage) -> None:
    name = "withdrawn"
    bad = ship(there, name, "white")
    await there.watch()
    await there.reaches(bad, "held", image=name)
    good = ship(there, name, "blue")
    await there.watch()
    await there.reaches(good, "held", image=name)
    await there.sweep()
    await there.until(
        lambda: there.state(bad, name),
        lambda found: "withdrew" in " ".join(found[1]),
        "the first to be held as withdrawn",
        60,
    )
    await there.reaches(good, "promoted", image=name)
    assert (await there.state(bad, name))[0] in ("held", "superseded")
    assert unique_tag(TAG, bad) not in base_tags(there, name)

    worse = ship(there, name, "red")
    await there.watch()
    await there.reaches(worse, "held", image=name)
    await asyncio.sleep(BETWEEN)
    newest = ship(there, name, "green")
    await there.watch()
    await there.reaches(newest, "held", image=name)
    asked = {"image": name, "digest": str(worse), "comment": "upstream withdrew it by mistake"}
    status, body = await api(there, "release", asked, await token(there, "bob"))
    assert status == 403, body
    status, body = await api(there, "release", asked, await token(there, "alice"))
    assert status == 200, body
    assert await promoted_at(there, name, worse) < await promoted_at(there, name, newest)
    assert base_tags(there, name)[TAG] == str(newest)


@ACTS.act
async def observes(there: Stage) -> None:
    name = "observed"
    bad = ship(there, name, "white", VULNERABLE_OPENSSL)
    await there.watch()
    await there.reaches(bad, "promoted", image=name)
    enforced = (await decision(there, name, bad))["enforced"]
    assert enforced["state"] == "rejected"
    assert FINDING in " ".join(enforced["reasons"])
    status, body = await api(there, "candidates?observed=1", token=await token(there, "carol"))
    assert (status, [each["digest"] for each in body["candidates"]]) == (200, [str(bad)])
    events = [each for each in await there.journal() if each.digest == str(bad)]
    assert [each.event for each in events].count("would have stopped") == 1
    assert (await explained(there, name, bad))["enforced"]["state"] == "rejected"
    await there.sweep()
    await there.until(
        there.journal,
        lambda entries: any(each.event == "observed" for each in entries),
        "the day's line about what enforce would have stopped",
        60,
    )


@ACTS.act
async def waives(there: Stage) -> None:
    name = "waived"
    known = ship(there, name, "white", VULNERABLE_OPENSSL)
    await there.watch()
    await there.reaches(known, "promoted", image=name)
    told = await decision(there, name, known)
    assert {each["id"] for each in told["waivers"]} == {FINDING, OTHER}
    assert "no TLS here" in " ".join(told["reasons"])


async def promoted_at(there: Stage, name: str, digest: Digest) -> datetime:
    """Wait until the journal tells of its promotion: its state may be another one soon after."""
    told = partial(told_at, there, name, "promoted", digest)
    return (await there.until(told, bool, f"{digest.short}… to be promoted", 200))[0]
