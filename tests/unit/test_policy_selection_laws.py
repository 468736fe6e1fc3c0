"""What holds for any rule and any list of tags."""

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.catalog import Series, TagRule
from shared.policy.selection import Chooser, Chosen, Discovery, digest_of, discover
from shared.values import Listed

PATIENT = settings(deadline=None, max_examples=200)

_small = st.integers(0, 3).map(str)
_versions = st.builds(
    lambda v, numbers, pre, variant: v + ".".join(numbers) + pre + variant,
    st.sampled_from(["", "", "v"]),
    st.lists(_small, min_size=1, max_size=4),
    st.sampled_from(["", "", "", "rc1", "-rc.1", "-beta1", "-dev"]),
    st.sampled_from(["", "", "-slim", "-alpine3.18", "-3f2a9c1d7b0455e1"]),
)
_tags = (
    _versions
    | st.sampled_from(["latest", "20240102", "20240103", "nightly-7", "9" * 128, "1." * 55 + "1"])
    | st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)
)
_lists = st.lists(_tags, max_size=25)
_rules = st.builds(
    TagRule,
    semver=st.sampled_from(["", ">=1", ">=1.1 <3", "^1.0.0", "1.x || 2.1.x", "*", "<3-beta1"]),
    prefix=st.sampled_from(["", "", "v"]),
    suffix=st.sampled_from(["", "", "-slim"]),
    allow=st.sampled_from([(), (), (r"v?\d.*",), ("1.*", "2.*")]),
    deny=st.sampled_from([(), (), (".*1",)]),
    newest=st.integers(0, 3),
    per=st.sampled_from(Series),
    prereleases=st.booleans(),
)


@PATIENT
@given(_rules, _lists, st.randoms())
def test_neither_the_order_nor_doubles_of_a_list_count(rule, tags, random):
    chooser, shuffled = Chooser(rule), [*tags, *tags]
    random.shuffle(shuffled)
    assert chooser.choose(shuffled) == chooser.choose(tags)


@PATIENT
@given(_rules, _lists)
def test_only_what_is_kept_is_chosen_and_what_is_refused_changes_nothing(rule, tags):
    chooser = Chooser(rule)
    kept, chosen = list(filter(chooser.keep, tags)), chooser.choose(tags)
    assert set(chosen) <= set(kept)
    assert len(set(chosen)) == len(chosen)
    assert chooser.choose(kept) == chosen
    assert chooser.choose(chosen) == chosen


@PATIENT
@given(_rules, _lists)
def test_the_newest_of_a_rule_lead_what_it_chooses_without_a_limit(rule, tags):
    every = Chooser(replace(rule, newest=0)).choose(tags)
    chosen = Chooser(rule).choose(tags)
    assert list(chosen) == [tag for tag in every if tag in chosen]
    assert every[:1] == chosen[:1]
    if rule.newest and rule.per is Series.ALL and not (rule.semver or rule.prefix or rule.suffix):
        assert chosen == every[: rule.newest]


@PATIENT
@given(_rules, _lists, _lists, st.integers(0, 40), st.integers(0, 40))
@example(TagRule(semver=">=1"), ["1.1"], [], 1, 1)
def test_a_discovery_accounts_for_every_tag_and_a_refusal_loses_none(rule, old, new, was, now):
    chooser = Chooser(rule)
    before = Chosen(chooser.choose(old), was, digest_of(rule))
    listed = Listed(tuple(filter(chooser.keep, new)), now)
    found = discover(rule, before, listed)
    if found.refusal:
        assert found == Discovery(before, refusal=found.refusal)
        return
    assert found.chosen == Chosen(chooser.choose(new), now, digest_of(rule))
    after = {*before.tags, *found.appeared} - {*found.vanished, *found.dropped}
    assert after == set(found.chosen.tags)
    assert not set(found.appeared) & set(before.tags)
    assert not set(found.vanished) & set(listed.kept)
    assert set(found.dropped) <= set(listed.kept)
    assert discover(rule, found.chosen, listed) == Discovery(found.chosen)


@PATIENT
@given(_rules, _lists, _lists)
def test_a_list_that_only_grew_is_never_refused(rule, old, more):
    chooser = Chooser(rule)
    before = Chosen(chooser.choose(old), len(old), digest_of(rule))
    listed = Listed(tuple(filter(chooser.keep, [*more, *old])), len(old) + len(more))
    assert discover(rule, before, listed).refusal == ""
