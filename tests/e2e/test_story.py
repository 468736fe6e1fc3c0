"""The demo's own story, and what it leaves in registries, runs and journal."""

import asyncio
import io
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from local.demo import story, upstream
from local.demo.narrator import Narrator
from local.demo.stage import Stage, stage
from local.demo.upstream import FIXED_OPENSSL, VULNERABLE_OPENSSL, Node
from local.platform.principals import APPS, BASE, STAGING
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.tags import unique_tag
from shared.values import Entry

pytestmark = pytest.mark.timeout(900)  # the first test is the whole story

WHITE = Node("white").built().digest
RED = Node("Red").built().digest
BLUE = Node("DeepSkyBlue").built().digest
VULNERABLE = Node("DeepSkyBlue", VULNERABLE_OPENSSL).built().digest
FIXED = Node("DeepSkyBlue", FIXED_OPENSSL).built().digest
LAVENDER = Node("Lavender", FIXED_OPENSSL).built().digest


class Told:
    """Everything the story left behind, read before the local Azure was taken down."""

    def __init__(self, stage: Stage, text: str, journal: list[Entry]) -> None:
        azure = stage.azure
        self.text, self.journal = text, journal
        base, path = azure.registries[BASE], stage.base.path
        self.base_tags = {
            name: (each.digest, each.attributes.write, each.attributes.delete)
            for name, each in base.tags(path).items()
        }
        self.base_manifests = {
            digest: each.attributes for digest, each in base.manifests(path).items()
        }
        self.referrers = {
            digest: Counter(str(each["artifactType"]) for each in base.referrers(path, digest))
            for digest in self.base_manifests
        }
        self.staged = set(azure.registries[STAGING].manifests(stage.staging.path))
        self.apps = [(run.kind, run.status) for run in azure.arm.runs.of(azure.registries[APPS])]
        self.staging_runs = Counter(
            (run.task.name if run.task else "", run.status)
            for run in azure.arm.runs.of(azure.registries[STAGING])
        )
        self.dead_letters = azure.grid.given_up
        self.lost = [each for each in azure.faults.faults if each.fired]
        self.unfired = azure.faults.unfired()

    def events(self, digest: Digest) -> list[str]:
        return [each.event for each in self.journal if each.digest == str(digest)]

    def reasons(self, digest: Digest, event: str) -> str:
        return "; ".join(
            reason
            for each in self.journal
            if each.digest == str(digest) and each.event == event
            for reason in each.reasons
        )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    work: Path = tmp_path_factory.mktemp("story")
    told: list[Told] = []

    async def tell() -> None:
        text = io.StringIO()
        narrator = Narrator(Console(file=text, width=200))
        async with stage(work) as there:
            await story.tell(there.azure, there, narrator)
            await there.rests()
            told.append(Told(there, text.getvalue(), await there.journal()))

    asyncio.run(tell())
    return told[0]


def test_what_is_good_is_promoted_under_its_unique_tag(told: Told):
    for digest in (WHITE, BLUE, FIXED, LAVENDER):
        assert told.base_tags[unique_tag(upstream.TAG, digest)] == (str(digest), False, False)
        assert told.events(digest).count("promoted") == 1


def test_what_base_moved_on_from_is_superseded(told: Told):
    for digest in (WHITE, BLUE, FIXED):
        assert "superseded" in told.events(digest)
    assert "superseded" not in told.events(LAVENDER)


def test_the_stable_tag_is_the_last_good_one_and_cannot_be_deleted(told: Told):
    assert told.base_tags[upstream.TAG] == (str(LAVENDER), True, False)


def test_nothing_that_is_bad_is_in_base(told: Told):
    assert not {str(RED), str(VULNERABLE)} & set(told.base_manifests)
    assert {str(RED), str(VULNERABLE)} <= told.staged


def test_every_manifest_in_base_is_protected_from_deletion(told: Told):
    assert told.base_manifests
    assert all(not attributes.delete for attributes in told.base_manifests.values())


def test_each_promoted_digest_carries_one_decision(told: Told):
    for digest in (WHITE, BLUE, FIXED, LAVENDER):
        assert told.referrers[str(digest)] == Counter({media_types.DECISION_ARTIFACT: 1})


def test_each_platform_in_base_carries_its_report_and_the_tested_one_its_result(told: Told):
    kinds = Counter[str]()
    for each in told.referrers.values():
        kinds.update(each)
    assert kinds[media_types.REPORT] == 8
    assert kinds[media_types.TEST_RESULT] == 4


def test_the_test_names_the_colour_it_refuses(told: Told):
    assert "BACKGROUND_COLOR is Red, and red is not allowed" in told.reasons(RED, "rejected")


def test_the_finding_that_blocks_is_named_with_its_fix(told: Told):
    said = told.reasons(VULNERABLE, "rejected")
    assert "CVE-2024-5535 (critical) in libcrypto3, libssl3 3.1.5-r0" in said
    assert "on linux/amd64 and linux/arm64" in said
    assert "fixed in 3.1.6-r0" in said


def test_a_rejected_report_costs_no_test(told: Told):
    assert "test started" not in told.events(VULNERABLE)


def test_the_app_was_rebuilt_by_its_own_trigger_after_each_promotion(told: Told):
    builds = [status for kind, status in told.apps if kind == "AutoBuild"]
    assert builds.count("Succeeded") == len(builds) >= 4  # the first build, and three moves
    for digest in (BLUE, FIXED, LAVENDER):
        assert told.events(digest).count("rebuilt") == 1


def test_every_platform_was_scanned_once_and_tested_once(told: Told):
    assert told.staging_runs == {
        ("breakwater-scan", "Succeeded"): 12,
        ("breakwater-test", "Succeeded"): 4,
        ("breakwater-test", "Failed"): 1,
    }


def test_the_event_of_the_last_push_was_really_lost(told: Told):
    (lost,) = told.lost
    assert lost.fired == 1
    assert told.unfired == []
    assert "detected" not in told.events(LAVENDER)


def test_the_order_of_a_promotion_is_the_designs(told: Told):
    events = told.events(BLUE)
    order = ["promoting", "decision attached", "locked", "tag moved", "rebuilds asked for"]
    places = [events.index(each) for each in order]
    assert places == sorted(places)


def test_one_trace_runs_through_a_candidates_whole_life(told: Told):
    traces = {each.trace for each in told.journal if each.digest == str(BLUE)}
    events = {each.event for each in told.journal if each.trace in traces}
    assert {"detected", "imported", "promoted", "rebuilt"} <= events
    detected = next(each for each in told.journal if each.event == "detected")
    promoted = next(each for each in told.journal if each.event == "promoted")
    assert detected.trace == promoted.trace


def test_the_story_names_no_port_and_shows_no_trace_of_an_error(told: Told):
    assert "localhost:" not in told.text
    assert "Traceback" not in told.text
    assert "6 images came" not in told.text  # the closing line is the demo's own
