"""The registry's small parts: pages, limits, scopes, times."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.acr.errors import RegistryError
from local.acr.events import timestamp
from local.acr.limits import Buckets
from local.acr.paging import page
from local.acr.tokens import Access, Authority, Scope
from local.directory import ANONYMOUS, Directory

NAMES = st.lists(st.text("abc+& ", min_size=1, max_size=4), unique=True, max_size=12).map(sorted)


@given(NAMES, st.integers(1, 5), st.booleans())
def test_pages_together_are_the_whole_list(names: list[str], size: int, by_name: bool) -> None:
    ordered = names if by_name else names[::-1]
    found: list[str] = []
    query = {"n": str(size)}
    while True:
        part, headers = page(ordered, "/x", query, sorted_by_name=by_name)
        found += part
        assert len(part) <= size
        if "Link" not in headers:
            break
        query["last"] = part[-1]
    assert found == ordered


def test_a_page_of_nothing_leads_nowhere() -> None:
    assert page(["a"], "/x", {"n": "0"}) == ([], {})


def test_the_next_page_keeps_the_query() -> None:
    _, headers = page(["a", "b"], "/x", {"n": "1", "orderby": "none"})
    assert headers["Link"] == '</x?n=1&orderby=none&last=a>; rel="next"'


def test_a_page_is_never_larger_than_a_thousand() -> None:
    names = [f"{number:04}" for number in range(1100)]
    assert len(page(names, "/x", {"n": "5000"})[0]) == 1000
    assert len(page(names, "/x", {})[0]) == 100


@pytest.mark.parametrize("size", ["-1", "x", "", "1.5"])
def test_a_page_size_must_be_a_number(size: str) -> None:
    with pytest.raises(RegistryError, match="PAGINATION_NUMBER_INVALID"):
        page(["a"], "/x", {"n": size})


def test_a_limit_fills_up_again_with_time() -> None:
    seconds = [0.0]
    buckets = Buckets(lambda: seconds[0])
    assert [buckets.take("read", "me", 60) for _ in range(61)] == [0] * 60 + [1]
    seconds[0] = 1.0
    assert [buckets.take("read", "me", 60) for _ in range(2)] == [0, 1]


def test_a_limit_is_for_one_identity_and_one_kind() -> None:
    buckets = Buckets(lambda: 0.0)
    assert [buckets.take("read", "me", 1) for _ in range(2)] == [0, 60]
    assert buckets.take("read", "you", 1) == 0
    assert buckets.take("ListReferrers", "me", 1) == 0


def test_no_limit_never_waits() -> None:
    buckets = Buckets(lambda: 0.0)
    assert {buckets.take("read", "me", 0) for _ in range(1000)} == {0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("repository:a/b:pull,push", Scope("repository", "a/b", ("pull", "push"))),
        ("repository:localhost:5000/a:pull", Scope("repository", "localhost:5000/a", ("pull",))),
        ("registry:catalog:*", Scope("registry", "catalog", ("*",))),
        ("repository:a", None),
        ("", None),
        ("::", None),
    ],
)
def test_a_scope_is_parsed_or_grants_nothing(text: str, expected: Scope | None) -> None:
    assert Scope.parse(text) == expected


def test_access_needs_every_action_on_that_very_repository() -> None:
    access = Access(ANONYMOUS, (Scope("repository", "a", ("pull",)),))
    assert access.allows(Scope("repository", "a", ("pull",)))
    assert not access.allows(Scope("repository", "a", ("pull", "push")))
    assert not access.allows(Scope("repository", "b", ("pull",)))
    assert not access.allows(Scope("registry", "a", ("pull",)))


def test_only_who_holds_it_gets_the_catalog() -> None:
    directory = Directory()
    owner, pusher = directory.add("owner"), directory.add("pusher")
    directory.grant(owner, "r", "Owner")
    directory.grant(pusher, "r", "AcrPush")
    authority = Authority(directory, "r", "r.azurecr.io", anonymous_pull=True)
    wanted = Scope("registry", "catalog", ("*",))
    assert authority.granted(owner, [wanted]) == (wanted,)
    assert authority.granted(pusher, [wanted]) == ()
    assert authority.granted(ANONYMOUS, [wanted]) == ()


def test_a_role_at_one_registry_is_none_at_another() -> None:
    directory = Directory()
    owner = directory.add("owner")
    directory.grant(owner, "one", "Owner")
    authority = Authority(directory, "two", "two.azurecr.io", anonymous_pull=False)
    assert authority.granted(owner, [Scope("repository", "a", ("*",))]) == ()


def test_a_time_has_as_many_digits_as_acr_writes() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 67, tzinfo=UTC)
    assert timestamp(at) == "2026-01-02T03:04:05.0000670Z"
    assert timestamp(at, 9) == "2026-01-02T03:04:05.000067000Z"
