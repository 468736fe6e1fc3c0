"""What holds for any facts at all: no input raises, promotes unproven, or is acted on twice."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog import Approval, Gate, Image, ScanMode, Severity
from shared.oci.digest import Digest
from shared.oci.platform import Platform
from shared.policy.candidate import (
    MAX_ATTEMPTS,
    Action,
    Hold,
    Import,
    Promote,
    Rest,
    StartScan,
    StartTest,
    State,
    Wait,
    decide,
)
from shared.policy.facts import Facts, Progress, Scan, Span, Staged, Tested, Watched
from shared.reports.findings import Finding
from tests.builders import a_finding, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DIGEST,
    HOUR,
    OTHER,
    REPORT,
    TAG,
    a_report,
    a_scan,
    a_test,
    some_facts,
)
from tests.fake_clock import START

_digests = st.sampled_from([DIGEST, OTHER, CHILD, ARM_CHILD])
_times = st.integers(-100, 0).map(lambda hours: START + hours * HOUR)
_findings = st.lists(
    st.builds(
        a_finding,
        id=st.sampled_from(["CVE-1", "CVE-2", "CVE-3"]),
        severity=st.sampled_from(Severity),
        fixed=st.sampled_from(["", "2"]),
    ),
    max_size=3,
)
_attempts = st.integers(0, MAX_ATTEMPTS)
_platforms = st.sampled_from([AMD64, ARM64])


@st.composite
def _spans(draw: st.DrawFn) -> tuple[Span, ...]:
    starts = sorted(draw(st.lists(_times, max_size=3)))
    digests = [draw(_digests) for _ in starts]
    ends = [*starts[1:], draw(st.sampled_from([None, START]))]
    return tuple(map(Span, digests, starts, ends))


@st.composite
def _scans(draw: st.DrawFn) -> Scan:
    report = draw(
        st.none()
        | st.builds(lambda found, of: a_report(*found, subject=of), _findings, _digests)
        | st.just(a_report())
    )
    progress, attempt = draw(st.sampled_from(Progress)), draw(_attempts)
    return Scan(draw(_platforms), draw(_digests), progress, attempt, "r1", report, REPORT)


_gates = st.builds(
    Gate,
    scan=st.sampled_from(ScanMode),
    block=st.sampled_from([Severity.LOW, Severity.HIGH, Severity.CRITICAL]),
    fixable_only=st.booleans(),
    age=st.sampled_from([timedelta(), HOUR, 24 * HOUR]),
    dwell=st.sampled_from([timedelta(), 12 * HOUR]),
    approval=st.sampled_from([Approval.NONE, Approval.NONE, Approval.MANUAL]),
)
_images = st.builds(
    lambda gate, platforms, script: an_image(gate=gate, platforms=platforms, script=script),
    _gates,
    st.sampled_from([("linux/amd64",), ("linux/amd64", "linux/arm64"), ()]),
    st.sampled_from(["", "t.sh"]),
)
_staged = st.none() | st.builds(
    Staged,
    st.just(""),
    _times,
    st.sampled_from([{}, {AMD64: CHILD}, {AMD64: CHILD, ARM64: ARM_CHILD}]),
)
_tests = st.none() | st.builds(
    Tested,
    _platforms,
    _digests,
    st.sampled_from(Progress),
    _attempts,
    passed=st.none() | st.booleans(),
)
_histories = _spans() | st.just((Span(DIGEST, START - 48 * HOUR),))


_tags = st.sampled_from([(), (TAG,), (TAG, "22-alpine")])


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    return Facts(
        image=draw(_images),
        digest=DIGEST,
        watched=tuple(Watched(tag, draw(_histories)) for tag in draw(_tags)),
        staged=draw(_staged),
        scans=draw(st.lists(_scans() | st.just(a_scan()), max_size=3).map(tuple)),
        test=draw(_tests | st.just(a_test())),
        base={tag: draw(st.none() | _digests) for tag in (TAG, "22-alpine")},
        decided=draw(st.booleans()),
    )


def proven(facts: Facts, image: Image, at: Mapping[Platform, Digest]) -> bool:
    """Say in other words than the policy's what must hold before a verdict may be "promote"."""
    if image.gate.scan is ScanMode.TRIVY:
        for platform in image.platforms:
            scans = [each for each in facts.scans if each.platform == platform]
            for scan in scans[-1:]:
                if scan.report is None or scan.digest != at[platform]:
                    return False
                if scan.report.subject != at[platform]:
                    return False
                for found in scan.report.findings:
                    counts = bool(found.fixed) or not image.gate.fixable_only
                    if counts and found.severity >= image.gate.block:
                        return False
            if not scans:
                return False
    if image.test is None:
        return True
    test = facts.test
    return test is not None and test.passed is True and at.get(test.platform) == test.digest


@settings(max_examples=120, deadline=None)
@given(any_facts())
def test_any_facts_get_one_action_with_reasons(facts: Facts):
    decision = decide(facts, START)

    assert decision.reasons
    assert all(decision.reasons)
    assert decision == decide(facts, START)


@settings(max_examples=120, deadline=None)
@given(any_facts())
def test_only_a_passing_verdict_on_exactly_that_digest_promotes(facts: Facts):
    decision = decide(facts, START)
    if not isinstance(decision.action, Promote):
        return
    assert decision.action.tags
    if decision.state is State.PROMOTED:
        assert facts.decided
        assert all(facts.base[tag] == facts.digest for tag in decision.action.tags)
        return
    assert decision.state is State.PROMOTING
    staged, gate = facts.staged, facts.image.gate
    assert staged is not None
    assert gate.approval is Approval.NONE
    assert gate.scan is ScanMode.TRIVY or facts.image.test or gate.age
    assert staged.first_seen + gate.age <= START
    assert proven(facts, facts.image, staged.platforms)


@settings(max_examples=120, deadline=None)
@given(any_facts(), st.builds(a_finding, severity=st.sampled_from(Severity)), st.integers(0, 2))
def test_one_more_finding_never_turns_a_refusal_into_a_promotion(
    facts: Facts, finding: Finding, number: int
):
    def worse(scan: Scan) -> Scan:
        if scan.report is None:
            return scan
        findings = scan.report.findings | {finding}
        return replace(scan, report=replace(scan.report, findings=findings))

    scans = tuple(worse(s) if n == number else s for n, s in enumerate(facts.scans))
    if not isinstance(decide(facts, START).action, Promote):
        assert not isinstance(decide(replace(facts, scans=scans), START).action, Promote)


@settings(max_examples=100, deadline=None)
@given(st.lists(_findings, min_size=1, max_size=1), st.randoms())
def test_the_order_of_findings_does_not_matter(found: list[list[Finding]], random: Any):
    shuffled = list(found[0])
    random.shuffle(shuffled)

    first = decide(some_facts(scans=(a_scan(*found[0]),)), START)
    second = decide(some_facts(scans=(a_scan(*shuffled),)), START)

    assert first == second


def effect(facts: Facts, action: Action) -> Facts:
    """What the world looks like once the action has been taken."""
    match action:
        case Import():
            staged = Staged("", START, {AMD64: CHILD, ARM64: ARM_CHILD})
            return replace(facts, staged=staged)
        case StartScan(platform, digest, attempt):
            started = Scan(platform, digest, Progress.UNDERWAY, attempt, "r9")
            others = [each for each in facts.scans if each.platform != platform]
            return replace(facts, scans=(*others, started))
        case StartTest(platform, digest, attempt):
            return replace(facts, test=Tested(platform, digest, Progress.UNDERWAY, attempt, "r9"))
        case Promote(tags):
            return replace(
                facts, base={**facts.base, **dict.fromkeys(tags, facts.digest)}, decided=True
            )
        case Hold() | Wait() | Rest():
            return facts


@settings(max_examples=120, deadline=None)
@given(any_facts())
def test_deciding_again_after_the_action_does_not_take_it_again(facts: Facts):
    action = decide(facts, START).action

    again = decide(effect(facts, action), START)

    match action:
        case Hold() | Wait() | Rest():
            assert again == decide(facts, START)
        case Promote(tags):
            assert again.state is State.PROMOTED
            assert again.action == Promote(tags)
        case _:
            assert again.action != action
