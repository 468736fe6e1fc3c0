"""WWW-Authenticate, read to the letter."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.registry.challenge import Challenge, InvalidChallenge, parse

HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
    'scope="repository:library/node:pull"'
)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        ([""], []),
        (
            [HUB],
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:library/node:pull",
                    },
                )
            ],
        ),
        (
            ['Basic realm="quay", Bearer realm="https://quay.io/v2/auth", service=quay.io'],
            [
                Challenge("basic", {"realm": "quay"}),
                Challenge("bearer", {"realm": "https://quay.io/v2/auth", "service": "quay.io"}),
            ],
        ),
        (
            ['Basic realm="a"', 'BEARER Realm="b"'],
            [Challenge("basic", {"realm": "a"}), Challenge("bearer", {"realm": "b"})],
        ),
        (["Negotiate"], [Challenge("negotiate")]),
        (["Negotiate, Basic"], [Challenge("negotiate"), Challenge("basic")]),
        (["Negotiate YWJj==, Basic"], [Challenge("negotiate"), Challenge("basic")]),
        ([r'Bearer realm="a \"b\", c=\\d"'], [Challenge("bearer", {"realm": r'a "b", c=\d'})]),
        (
            [' ,, Bearer\trealm = "a" , , service=x ,'],
            [Challenge("bearer", {"realm": "a", "service": "x"})],
        ),
        (['Bearer realm=""'], [Challenge("bearer", {"realm": ""})]),
    ],
)
def test_every_challenge_is_read(headers: list[str], expected: list[Challenge]):
    assert list(parse(headers)) == expected


@pytest.mark.parametrize(
    "header",
    ['Bearer realm="open', 'Bearer realm="a" "b"', "Bearer ?", '"Bearer"', 'Bearer a="1",A="2"'],
)
def test_a_malformed_header_says_where(header: str):
    with pytest.raises(InvalidChallenge, match="at character"):
        parse([header])


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_any_text_is_read_or_refused(header: str):
    with contextlib.suppress(InvalidChallenge):
        parse([header])


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(st.characters(codec="latin-1"))
    )
)
def test_quoting_is_undone(parameters: dict[str, str]):
    quoted = [
        '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"'))
        for name, value in parameters.items()
    ]
    assert list(parse([f"Bearer {', '.join(quoted)}"])) == [Challenge("bearer", parameters)]
