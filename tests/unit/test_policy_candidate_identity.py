"""The one decision about what a candidate is: the whole answer of each rule, its remedies too."""

from datetime import timedelta
from typing import Any

import pytest

from shared.catalog import ScanMode
from shared.oci.platform import Platform
from shared.operators import RulingKind
from shared.policy.candidate import (
    Action,
    Hold,
    Import,
    Promote,
    Rest,
    Stage,
    State,
    Wait,
    decide,
)
from shared.policy.facts import Facts, Scan, Span, Staged, Watched
from shared.policy.remedies import BY_ITSELF, FINAL
from tests.builders import a_gate, an_image
from tests.candidates import (
    AMD64,
    ARM64,
    ARM_CHILD,
    CHILD,
    DIGEST,
    HOUR,
    OTHER,
    TAG,
    a_ruling,
    a_scan,
    a_test,
    some_facts,
)
from tests.fake_clock import START

INDEX = "application/vnd.oci.image.index.v1+json"
DENIAL = a_ruling(RulingKind.DENY, by="john", comment="")
DENIED = "john denied it on 2026-11-23"
NEXT = "wait for upstream's next digest"
RELEASE = (
    "if it is fit for use all the same, release it: "
    f'make release IMAGE=node DIGEST={DIGEST} COMMENT="why"'
)
MOVED = START - 47 * HOUR
LEFT = (Watched(TAG, (Span(DIGEST, START - 48 * HOUR, MOVED), Span(OTHER, MOVED))),)
DWELLS = an_image(gate=a_gate(dwell=12 * HOUR), script="tests/node.sh")
WITHDREW = "upstream withdrew it: it was 20-alpine for 1 hour, less than the dwell of 12 hours"
NEWER = "base's 20-alpine holds a newer digest"
UNSEEN = "this digest was never seen as upstream's 20-alpine"
WATCH = "watch the tag whose digest it is: the `tags` of node in the catalog"
AGE_ALONE = a_gate(scan=ScanMode.NONE, age=timedelta(seconds=1))


@pytest.mark.parametrize(
    ("changes", "action", "state", "reasons", "remedies"),
    [
        (
            {"watched": LEFT, "base": {TAG: OTHER}},
            Rest(),
            State.SUPERSEDED,
            (NEWER,),
            ("nothing to do: base holds something newer",),
        ),
        (
            {"watched": LEFT, "base": {TAG: OTHER}, "rulings": (DENIAL,)},
            Rest(),
            State.SUPERSEDED,
            (NEWER, DENIED),
            ("nothing to do: base holds something newer",),
        ),
        (
            {"watched": LEFT, "image": DWELLS},
            Hold(None),
            State.HELD,
            (WITHDREW,),
            (NEXT, RELEASE),
        ),
        (
            {"watched": LEFT, "image": DWELLS, "rulings": (DENIAL,)},
            Hold(None),
            State.HELD,
            (WITHDREW, DENIED),
            (FINAL,),
        ),
        ({"watched": (Watched(TAG),)}, Hold(None), State.HELD, (UNSEEN,), (WATCH,)),
        ({"rulings": (DENIAL,)}, Rest(), State.REJECTED, (DENIED,), (FINAL,)),
        (
            {"rulings": (DENIAL,), "base": {TAG: DIGEST}},
            Rest(),
            State.REJECTED,
            (DENIED,),
            (
                FINAL,
                f"base's {TAG} still is this digest: have another one promoted in its place",
            ),
        ),
        (
            {"staged": None, "unreadable": "a key twice"},
            Rest(),
            State.FAILED,
            ("what staging holds cannot be read: a key twice",),
            (NEXT,),
        ),
        (
            {"staged": None, "arriving": True},
            Wait(),
            State.DETECTED,
            ("it is on its way from base into staging",),
            BY_ITSELF,
        ),
        (
            {"staged": None},
            Import(TAG),
            State.DETECTED,
            ("staging does not hold it yet",),
            BY_ITSELF,
        ),
        (
            {"staged": None, "watched": LEFT, "base": {TAG: DIGEST}},
            Stage(DIGEST, (TAG,)),
            State.DETECTED,
            ("staging does not hold it yet, and base does",),
            BY_ITSELF,
        ),
        (
            {"staged": None, "watched": LEFT},
            Hold(None),
            State.HELD,
            ("staging does not hold it, and upstream moved on",),
            (NEXT,),
        ),
        (
            {"called": INDEX, "staged": Staged("another/type", START, {AMD64: CHILD})},
            Rest(),
            State.FAILED,
            (f"upstream called it {INDEX}, and staging calls it another/type",),
            ("ask upstream to publish it again, under one media type",),
        ),
        (
            {"image": an_image(gate=a_gate(scan=ScanMode.NONE))},
            Hold(None),
            State.HELD,
            ("the gate demands nothing: give it scan, test, approval or age",),
            ("say in the catalog what node must pass: scan, test, approval or age",),
        ),
        (
            {"image": an_image(platforms=())},
            Hold(None),
            State.HELD,
            ("the catalog requires no platform, so there is nothing to scan or test",),
            ("name the platforms of node in the catalog",),
        ),
        (
            {"image": an_image(platforms=("linux/amd64", "linux/arm64"))},
            Hold(None),
            State.HELD,
            ("it lacks linux/arm64",),
            (
                "wait for an upstream digest that has them all",
                "or require fewer `platforms` of node in the catalog",
            ),
        ),
        (
            {"scans": (a_scan(digest=OTHER),)},
            Hold(None),
            State.HELD,
            ("its scan of linux/amd64 is about another digest",),
            ("look up the run in the registry's tasks: a run of ours never names another digest",),
        ),
    ],
)
def test_each_rule_about_what_it_is_says_why_and_what_would_change_that(
    changes: dict[str, Any],
    action: Action,
    state: State,
    reasons: tuple[str, ...],
    remedies: tuple[str, ...],
):
    found = decide(some_facts(**changes), START)

    assert (found.action, found.state, found.reasons) == (action, state, reasons)
    assert found.remedies == remedies


def test_what_upstream_and_staging_call_by_one_media_type_goes_on():
    facts = some_facts(called=INDEX, staged=Staged(INDEX, START - HOUR, {AMD64: CHILD}))

    assert decide(facts, START).action == Promote((TAG,))


def of_age(**changes: Any) -> Facts:
    """A candidate whose gate asks for nothing but a second of age."""
    image = an_image(gate=AGE_ALONE, platforms=("linux/amd64", "linux/arm64"))
    return some_facts(**{"image": image, "scans": (), "test": None, **changes})


def test_where_nothing_is_scanned_or_tested_no_platform_is_required():
    assert decide(of_age(), START).action == Promote((TAG,))


def test_where_it_is_only_tested_every_required_platform_must_be_there():
    tested = an_image(gate=AGE_ALONE, platforms=("linux/amd64", "linux/arm64"), script="t.sh")

    assert decide(of_age(image=tested), START).reasons == ("it lacks linux/arm64",)


@pytest.mark.parametrize(
    "changes", [{"scans": (a_scan(digest=OTHER),)}, {"test": a_test(digest=OTHER)}]
)
def test_a_verdict_that_nobody_asked_for_holds_nothing(changes: dict[str, Any]):
    assert decide(of_age(**changes), START).action == Promote((TAG,))


def test_of_two_scans_that_stray_the_first_platform_is_named_in_any_order():
    image = an_image(gate=a_gate(), platforms=("linux/amd64", "linux/arm64"))
    staged = Staged("", START - HOUR, {AMD64: CHILD, ARM64: ARM_CHILD})
    strays = tuple(Scan(Platform.parse(f"linux/{each}"), OTHER) for each in ("amd64", "arm64"))

    for scans in (strays, strays[::-1]):
        found = decide(some_facts(image=image, staged=staged, scans=scans), START)
        assert found.reasons == ("its scan of linux/amd64 is about another digest",)
