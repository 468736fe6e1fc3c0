"""Tag lists: page by page, to the last one, or none at all."""

import tracemalloc
from dataclasses import replace

import pytest
from aiohttp import web

from shared.values import Listed, Unresolved
from tests.contract.internet import internet
from tests.contract.scripted_registry import Elsewhere, ScriptedRegistry
from tests.contract.scripted_tokens import ScriptedTokens
from tests.contract.visiting import reason, visit

HOST = "registry.contoso.com"


def registry(count: int, **manners) -> ScriptedRegistry:
    """A registry with these many names of tags."""
    made = ScriptedRegistry(HOST, **manners)
    made.list_tags("team/app", [f"1.{number}" for number in range(count)])
    return made


def tags(made: ScriptedRegistry, keep=lambda tag: True):
    app = made.repository("team/app")
    return visit(lambda here: here.tags(app, keep)).found


@pytest.mark.parametrize(
    "link",
    [
        '</v2/{path}/tags/list?last={last}&n={page}>; rel="next"',
        '<https://{host}/v2/{path}/tags/list?n={page}&last={last}>; rel="next"',
        "<https://{host}:443/v2/{path}/tags/list?n={page}&last={last}>;rel=next",
        '<list?last={last}&n={page}>; REL="next"',
        "<?last={last}&n={page}>; rel=next",
        '</v2/>; rel="prev", </v2/{path}/tags/list?last={last}&n={page}>; title="a, b"; rel="next"',
    ],
)
def test_every_page_is_followed_whatever_form_its_link_has(link: str):
    made = registry(1050, link=link)
    with internet(made) as net:
        assert tags(made) == Listed(tuple(f"1.{number}" for number in range(1050)), 1050)
    assert len(net.seen) == 11


def test_only_what_is_kept_is_returned_and_all_is_counted():
    made = registry(350)
    with internet(made):
        assert tags(made, lambda tag: tag.endswith("99")) == Listed(("1.99", "1.199", "1.299"), 350)


def test_nine_thousand_tags_in_one_page_are_one_request():
    made = registry(9000, page=0)
    with internet(made) as net:
        found = tags(made)
    assert isinstance(found, Listed)
    assert (found.count, len(found.kept)) == (9000, 9000)
    assert len(net.seen) == 1


def test_a_hundred_thousand_tags_take_no_more_memory_than_a_page_and_what_is_kept():
    made = registry(100_000, page=1000)
    with internet(made):
        tags(made, lambda tag: False)
        tracemalloc.start()
        try:
            found = tags(made, lambda tag: tag.endswith("000"))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert isinstance(found, Listed)
    assert found.count == 100_000
    assert peak < 24 << 20


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000])
def test_a_registry_that_ignores_the_page_size_is_read_once_more_at_most(count: int):
    made = registry(count, page=0)
    with internet(made) as net:
        found = tags(made)
    assert isinstance(found, Listed)
    assert (found.count, len(set(found.kept))) == (count, count)
    assert len(net.seen) <= 2


def test_a_repository_nobody_knows_is_none():
    made = registry(3)
    unknown = made.repository("team/unknown")
    with internet(made):
        assert visit(lambda here: here.tags(unknown, bool)).found is None


@pytest.mark.parametrize("body", ["", "<html>404</html>", "{}", '{"errors":[]}', '{"errors":null}'])
def test_a_404_that_does_not_say_that_the_name_is_unknown_is_not_believed(body: str):
    made = registry(3)
    made.script = lambda request: web.Response(status=404, text=body)
    with internet(made):
        assert f"{HOST}/team/app" in reason(tags(made))


@pytest.mark.parametrize("body", ['{"name":"team/app","tags":null}', '{"tags":[]}'])
def test_a_repository_without_tags_has_an_empty_list(body: str):
    made = registry(0)
    made.script = lambda request: web.Response(text=body)
    with internet(made):
        assert tags(made) == Listed((), 0)


@pytest.mark.parametrize(
    "page",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(status=404),
        lambda: web.Response(status=403),
        lambda: web.Response(status=429),
        lambda: web.Response(status=204),
        lambda: web.Response(text=""),
        lambda: web.Response(text='{"tags":["1.101",'),
        lambda: web.Response(text='{"name":"team/app"}'),
        lambda: web.Response(text='{"tags":"1.101"}'),
        lambda: web.Response(text='{"tags":[1]}'),
        lambda: web.Response(text='["1.101"]'),
        lambda: web.Response(text="null"),
    ],
)
def test_a_list_that_fails_in_the_middle_is_no_list(page):
    made = registry(350)
    made.script = lambda request: page() if "last" in request.query else None
    with internet(made):
        assert f"{HOST}/team/app" in reason(tags(made))


def test_a_connection_that_breaks_in_the_middle_is_made_up_for_once():
    made = registry(350)
    breaks = iter([True])

    def script(request: web.Request) -> web.StreamResponse | None:
        if "last" in request.query and next(breaks, False):
            assert request.transport is not None
            request.transport.abort()
        return None

    made.script = script
    with internet(made):
        found = tags(made)
    assert isinstance(found, Listed)
    assert found.count == 350


def test_a_token_that_ends_between_two_pages_is_renewed():
    tokens = ScriptedTokens(HOST)
    made = registry(350, tokens=tokens)

    ends = iter([True])

    def script(request: web.Request) -> None:
        if "last=1.199" in request.query_string and next(ends, False):
            tokens.issued["opaque-0"] = replace(tokens.issued["opaque-0"], until=0)

    made.script = script
    with internet(made):
        found = tags(made)
    assert isinstance(found, Listed)
    assert (found.count, len(tokens.issued)) == (350, 2)


def test_a_tag_that_is_on_two_pages_is_one_tag():
    made = registry(0)
    pages = [["1", "2", "3"], ["3", "4"]]

    def script(request: web.Request) -> web.StreamResponse:
        at = int(request.query.get("last", "0"))
        link = {"Link": '</v2/team/app/tags/list?last=1>; rel="next"'} if at == 0 else {}
        return web.json_response({"tags": pages[at]}, headers=link)

    made.script = script
    with internet(made):
        assert tags(made) == Listed(("1", "2", "3", "4"), 4)


@pytest.mark.parametrize(
    "link",
    [
        "<https://evil.example/v2/team/app/tags/list?last=1>; rel=next",
        "<//evil.example/v2/team/app/tags/list?last=1>; rel=next",
        "<http://registry.contoso.com/v2/team/app/tags/list?last=1>; rel=next",
        "<https://registry.contoso.com@evil.example/v2/>; rel=next",
        "<https://[/v2/>; rel=next",
        "<https://registry.contoso.com:99999/v2/>; rel=next",
    ],
)
def test_a_next_page_on_another_host_is_refused(link: str):
    made = registry(350, link=link)
    with internet(made, Elsewhere("evil.example")) as net:
        found = tags(made)
    assert isinstance(found, Unresolved)
    assert HOST in found.reason
    assert not net.to("evil.example")


def test_a_list_that_turns_in_circles_is_no_list():
    made = registry(0)
    pages = {"": "a", "a": "b", "b": "a"}

    def script(request: web.Request) -> web.StreamResponse:
        following = pages[request.query.get("last", "")]
        link = f"</v2/team/app/tags/list?last={following}>; rel=next"
        return web.json_response({"tags": [following]}, headers={"Link": link})

    made.script = script
    with internet(made) as net:
        assert "repeats" in reason(tags(made))
    assert len(net.seen) < 10


def test_a_list_longer_than_any_repositorys_is_given_up():
    made = registry(0)

    def script(request: web.Request) -> web.StreamResponse:
        at = int(request.query.get("last", "0"))
        link = {"Link": f"</v2/team/app/tags/list?last={at + 1}>; rel=next"} if at < 9 else {}
        names = [f"{at}.{number}" for number in range(50_000)]
        return web.json_response({"tags": names}, headers=link)

    made.script = script
    with internet(made) as net:
        assert "250000" in reason(tags(made, lambda tag: False)).replace(",", "")
    assert len(net.seen) <= 6
