"""HTTP routes of the functions host."""

import pytest

from local.functions_host.routes import parse_route

GUID = "12345678-1234-1234-1234-123456789abc"


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/list", "/api/list", {}),
        ("api/list", "/API/List/", {}),
        ("api/list", "/api/list/1", None),
        ("api/{id}", "/api/a%20b", {"id": "a b"}),
        ("api/{id}", "/api/a%2Fb", {"id": "a/b"}),
        ("api/{id}", "/api", None),
        ("api/{id?}", "/api", {}),
        ("api/{id:int}", "/api/12", {"id": "12"}),
        ("api/{id:int}", "/api/12x", None),
        ("api/{id:int}", "/api/99999999999", None),
        ("api/{id:long}", "/api/99999999999", {"id": "99999999999"}),
        ("api/{id:int?}", "/api", {}),
        ("api/{id:guid}", f"/api/{GUID}", {"id": GUID}),
        ("api/{a:alpha:maxlength(3)}", "/api/abc", {"a": "abc"}),
        ("api/{a:alpha:maxlength(3)}", "/api/abcd", None),
        ("api/{n:range(1,5)}", "/api/5", {"n": "5"}),
        ("api/{n:min(3)}", "/api/2", None),
        ("api/{a}/x/{b}", "/api/1/x/2", {"a": "1", "b": "2"}),
        ("{*path}", "/a/b/c", {"path": "a/b/c"}),
        ("{*path}", "/", {}),
        ("", "/", {}),
    ],
)
def test_a_template_matches(template, path, values):
    assert parse_route(template).match(path) == values


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a/{id:colour}", "found 'colour'"),
        ("a/{*rest}/b", "at the end of the route"),
        ("a/{b?}/c", "at the end of the route"),
        ("a/x{b}", r"found 'x\{b\}'"),
        ("a/{b", r"found '\{b'"),
    ],
)
def test_what_is_no_template_says_why(template, said):
    with pytest.raises(ValueError, match=said):
        parse_route(template)


def test_the_more_specific_route_comes_first():
    templates = ["{*all}", "api/{id}", "api/{id:int}", "api/list", "api/{*rest}"]
    ranked = sorted((parse_route(each) for each in templates), key=lambda route: route.precedence)
    assert [route.template for route in ranked] == [
        "api/list",
        "api/{id:int}",
        "api/{id}",
        "api/{*rest}",
        "{*all}",
    ]
