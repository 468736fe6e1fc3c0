"""Which events a subscription gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.eventgrid.filters import Advanced, BadFilter, Filter, value_at

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
EVENT = {
    "subject": "library/node:20-Alpine",
    "eventType": PUSHED,
    "data": {
        "target": {"tag": "20-alpine", "size": 3023, "repository": "library/node"},
        "list": ["a"],
        "yes": True,
        "nothing": None,
    },
}


def one(operator: str, key: str, *values: object) -> bool:
    return Advanced(operator, key, values).matches(EVENT)


def test_no_filter_lets_every_event_through():
    assert Filter().matches(EVENT)
    assert Filter().matches({})


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"includedEventTypes": [PUSHED]}, True),
        ({"includedEventTypes": [PUSHED.upper()]}, True),
        ({"includedEventTypes": ["Microsoft.ContainerRegistry.ImageDeleted"]}, False),
        ({"includedEventTypes": None}, True),
        ({"subjectBeginsWith": "library/"}, True),
        ({"subjectBeginsWith": "LIBRARY/"}, True),
        ({"subjectBeginsWith": "LIBRARY/", "isSubjectCaseSensitive": True}, False),
        ({"subjectBeginsWith": "base/"}, False),
        ({"subjectEndsWith": ":20-alpine"}, True),
        ({"subjectEndsWith": ":20-alpine", "isSubjectCaseSensitive": True}, False),
        ({"subjectEndsWith": ":22-alpine"}, False),
        ({"subjectBeginsWith": "library/", "subjectEndsWith": ":22-alpine"}, False),
    ],
)
def test_types_and_subjects_must_both_agree(resource, expected):
    assert Filter.parse(resource).matches(EVENT) is expected


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("StringIn", "data.target.tag", ("x", "20-ALPINE"), True),
        ("StringIn", "data.target.tag", ("x",), False),
        ("StringIn", "Data.Target.Tag", ("20-alpine",), True),
        ("StringNotIn", "data.target.tag", ("x",), True),
        ("StringNotIn", "data.target.tag", ("20-alpine",), False),
        ("StringBeginsWith", "data.target.tag", ("20-",), True),
        ("StringEndsWith", "data.target.tag", ("-alpine",), True),
        ("StringContains", "subject", ("node",), True),
        ("StringNotContains", "subject", ("node",), False),
        ("StringIn", "data.target.size", ("3023",), False),
        ("NumberIn", "data.target.size", (1, 3023), True),
        ("NumberNotIn", "data.target.size", (1,), True),
        ("NumberGreaterThan", "data.target.size", (3023,), False),
        ("NumberGreaterThanOrEquals", "data.target.size", (3023,), True),
        ("NumberLessThan", "data.target.size", (3024,), True),
        ("NumberInRange", "data.target.size", ([1, 10], [3000, 4000]), True),
        ("NumberIn", "data.yes", (1,), False),
        ("BoolEquals", "data.yes", (True,), True),
        ("BoolEquals", "data.yes", (False,), False),
        ("IsNotNull", "data.target.tag", (), True),
        ("IsNotNull", "data.target.none", (), False),
        ("IsNotNull", "data.nothing", (), False),
        ("IsNullOrUndefined", "data.nothing", (), True),
        ("IsNullOrUndefined", "data.connectedRegistry.name", (), True),
        ("IsNullOrUndefined", "data.target.tag", (), False),
        ("StringIn", "data.list", ("a",), False),
        ("StringNotIn", "data.list", ("b",), False),
    ],
)
def test_an_advanced_filter_reads_the_key_as_its_operator_says(operator, key, values, expected):
    assert one(operator, key, *values) is expected


def test_a_key_that_is_not_there_matches_only_negatives():
    assert not one("StringIn", "data.none", "a")
    assert not one("NumberLessThan", "data.none", 5)
    assert not one("BoolEquals", "data.none", False)
    assert one("StringNotIn", "data.none", "a")
    assert one("NumberNotIn", "data.none", 5)


def test_several_advanced_filters_must_all_hold():
    tagged = {"operatorType": "IsNotNull", "key": "data.target.tag"}
    other = {"operatorType": "StringIn", "key": "data.target.repository", "values": ["other"]}
    assert Filter.parse({"advancedFilters": [tagged]}).matches(EVENT)
    assert not Filter.parse({"advancedFilters": [tagged, other]}).matches(EVENT)


def test_a_single_value_is_read_too():
    condition = {"operatorType": "BoolEquals", "key": "data.yes", "value": True}
    assert Filter.parse({"advancedFilters": [condition]}).matches(EVENT)


def test_an_unknown_operator_is_refused_by_name():
    with pytest.raises(BadFilter, match="found 'StringLike'"):
        Filter.parse(
            {"advancedFilters": [{"operatorType": "StringLike", "key": "a", "values": []}]}
        )


def test_an_operator_without_its_values_is_refused():
    with pytest.raises(BadFilter, match=r"StringIn on data\.a: expected values"):
        Filter.parse({"advancedFilters": [{"operatorType": "StringIn", "key": "data.a"}]})


def test_more_values_than_azure_allows_are_refused():
    with pytest.raises(BadFilter, match="at most 25 values, found 26"):
        Filter(advanced=(Advanced("NumberIn", "a", tuple(range(26))),))


@given(st.text(), st.lists(st.text(), min_size=1, max_size=5))
def test_a_negative_is_the_opposite_of_its_positive(found, values):
    event = {"data": {"key": found}}
    for name in ("In", "BeginsWith", "EndsWith", "Contains"):
        positive = Advanced(f"String{name}", "data.key", tuple(values)).matches(event)
        negative = Advanced(f"StringNot{name}", "data.key", tuple(values)).matches(event)
        assert positive is not negative


def test_a_path_through_a_plain_value_finds_nothing():
    assert value_at(EVENT, "subject.length") is None
