"""A list of tags tells what appeared, vanished and was pushed out, and is refused when it looks partial."""

from dataclasses import replace

import pytest

from shared.catalog import Series, TagRule
from shared.policy.selection import Chooser, Chosen, Discovery, digest_of, discover
from shared.values import Listed

RULE = TagRule(semver=">=3.12.0", newest=2)
SERIES = replace(RULE, newest=1, per=Series.MINOR)
NAMES = TagRule(allow=("stable|edge|main",))


def listed(tags: str, *, count: int = 100) -> Listed:
    return Listed(tuple(tags.split()), count)


def before(tags: str, *, rule: TagRule = RULE, count: int = 100) -> Chosen:
    return Chosen(tuple(tags.split()), count, digest_of(rule))


def test_a_first_list_lets_everything_chosen_appear():
    found = discover(RULE, None, listed("3.12.0 3.12.1 3.12.2"))
    assert found == Discovery(before("3.12.2 3.12.1"), appeared=("3.12.2", "3.12.1"))


def test_an_unchanged_list_changes_nothing():
    was = before("3.12.2 3.12.1")
    assert discover(RULE, was, listed("3.12.0 3.12.1 3.12.2")) == Discovery(was)


def test_a_newer_tag_pushes_the_oldest_out():
    found = discover(RULE, before("3.12.1 3.12.0"), listed("3.12.0 3.12.1 3.13.0"))
    assert found.chosen.tags == ("3.13.0", "3.12.1")
    assert (found.appeared, found.vanished, found.dropped) == (("3.13.0",), (), ("3.12.0",))


def test_a_tag_that_is_not_listed_any_more_has_vanished():
    found = discover(RULE, before("3.12.2 3.12.1"), listed("3.12.2 3.12.0", count=99))
    assert found.chosen == before("3.12.2 3.12.0", count=99)
    assert (found.appeared, found.vanished, found.dropped) == (("3.12.0",), ("3.12.1",), ())


@pytest.mark.parametrize(("count", "refused"), [(49, True), (0, True), (50, False), (1000, False)])
def test_a_list_that_shrank_by_more_than_half_is_refused(count, refused):
    was = before("3.12.2 3.12.1")
    found = discover(RULE, was, listed("3.12.2 3.12.1 3.12.3", count=count))
    assert bool(found.refusal) == refused
    assert (found.chosen == was) == refused
    if refused:
        assert found == Discovery(was, refusal=found.refusal)
        assert f"listed {count} tags where there were 100" in found.refusal


@pytest.mark.parametrize(
    ("rule", "was", "now", "told"),
    [
        (RULE, "3.13.0 3.12.2", "3.12.2 3.12.1", "from 3.13.0 to 3.12.2"),
        (RULE, "3.13.0 3.12.2", "", "from 3.13.0 to none"),
        (SERIES, "3.13.0 3.12.2", "3.13.0 3.12.1", "from 3.12.2 to 3.12.1"),
        (TagRule(allow=(".*-x",)), "1.2-x 1.1-x y-x", "1.1-x y-x", "from 1.2-x to 1.1-x"),
    ],
)
def test_a_highest_version_that_goes_backwards_is_refused(rule, was, now, told):
    old = before(was, rule=rule)
    found = discover(rule, old, listed(now))
    assert told in found.refusal
    assert found == Discovery(old, refusal=found.refusal)


@pytest.mark.parametrize(
    ("rule", "was", "now"),
    [
        (SERIES, "3.13.0 3.12.2", "3.13.0"),  # a series that ended is no step backwards
        (RULE, "v3.13.0 3.12.2", "3.13.0 3.12.2"),  # the same version in another spelling
        (NAMES, "stable edge", "edge"),  # names are no versions
        (NAMES, "stable", ""),
        (
            TagRule(semver=">=3"),
            "3.13.0 3.12.0",
            "3.13.0 3.12.0 3",
        ),  # upstream began to publish `3`
        (RULE, "", ""),
    ],
)
def test_other_losses_are_believed(rule, was, now):
    found = discover(rule, before(was, rule=rule), listed(now))
    assert found.refusal == ""
    lost = set(was.split()) - set(found.chosen.tags)
    assert set(found.vanished) == lost - set(now.split())
    assert set(found.dropped) == lost & set(now.split())


def test_what_was_refused_once_is_believed_when_the_list_is_whole_again():
    was = before("3.13.0 3.12.2")
    partial = discover(RULE, was, listed("3.12.2", count=10))
    whole = discover(RULE, partial.chosen, listed("3.12.2 3.13.0 3.13.1", count=101))
    assert whole.chosen.tags == ("3.13.1", "3.13.0")
    assert whole.refusal == ""


def test_a_changed_rule_starts_afresh():
    narrower = replace(RULE, semver="~3.12.0")
    found = discover(narrower, before("3.13.0 3.12.2"), listed("3.12.1 3.12.2", count=10))
    assert found == Discovery(
        before("3.12.2 3.12.1", rule=narrower, count=10), ("3.12.1",), (), ("3.13.0",)
    )


def test_every_field_of_a_rule_counts_in_its_digest():
    rules = [
        TagRule(),
        TagRule(semver="1"),
        TagRule(prefix="1"),
        TagRule(suffix="1"),
        TagRule(allow=("1",)),
        TagRule(deny=("1",)),
        TagRule(newest=1),
        TagRule(per=Series.MAJOR),
        TagRule(prereleases=True),
    ]
    assert len({digest_of(rule) for rule in rules}) == len(rules)
    assert digest_of(TagRule(semver="1")) == digest_of(TagRule(semver="1"))
    assert len(digest_of(TagRule())) == 16


def test_tags_a_record_should_not_hold_are_no_harm():
    found = discover(RULE, before("latest \x00 3.12.0"), listed("3.12.0"))
    assert Chooser(RULE).choose(found.chosen.tags) == ("3.12.0",)
    assert found.vanished == ("latest", "\x00")
