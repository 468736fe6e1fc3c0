"""Pages of tags: where the next one is, and what one holds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.registry import paging
from shared.registry.paging import InvalidPage


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ([], ""),
        (['</v2/a/tags/list?last=b&n=1>; rel="next"'], "/v2/a/tags/list?last=b&n=1"),
        (["</v2/a>;rel=next"], "/v2/a"),
        (["</v2/a> ; title=x ; REL = Next"], "/v2/a"),
        (['</v2/a>; rel="prev next"'], "/v2/a"),
        (['</first>; rel="first", </v2/a,b>; rel="next"'], "/v2/a,b"),
        (['</first>; rel="first"', '</v2/a>; rel="next"'], "/v2/a"),
        (['</v2/a>; title="a, b; rel=next"'], ""),
        (['</v2/a>; rel="nextish"'], ""),
        (["</v2/a>"], ""),
        (["rel=next"], ""),
        (["<" * 5000], ""),
        (["</v2/a>; " + "a;" * 5000], ""),
    ],
)
def test_the_next_page_is_where_a_link_says(headers: list[str], url: str):
    assert paging.following(headers) == url


@given(st.text(max_size=80))
def test_any_link_is_read_or_ignored(header: str):
    assert isinstance(paging.following([header]), str)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"name": "a", "tags": ["1", "2"]}, (["1", "2"], 2)),
        ({"tags": None}, ([], 0)),
        ({"tags": []}, ([], 0)),
        ({"tags": ["1", "", "-x", "a b", "\u202e", "x" * 129]}, (["1"], 6)),
    ],
)
def test_a_name_that_is_no_tag_is_skipped_and_still_fills_its_page(body: object, found: object):
    assert paging.names(json.dumps(body).encode()) == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"tags": "1"}',
        b'{"tags": {"1": 1}}',
        b'{"tags": [1]}',
        b'{"tags": ["\xff"]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_page_is_refused(raw: bytes):
    with pytest.raises(InvalidPage, match="expected"):
        paging.names(raw)


def test_a_404_says_whether_the_repository_is_unknown():
    assert paging.is_name_unknown(b'{"errors": [{"code": "NAME_UNKNOWN"}]}')
    for raw in (b"", b"<html>", b"[]", b'{"errors": [7, {"code": "DENIED"}]}', b"[" * 100_000):
        assert not paging.is_name_unknown(raw)
