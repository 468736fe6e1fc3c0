"""A rule chooses, from lists as upstreams publish them, what its author would."""

import itertools
import subprocess
import sys
import time
import tracemalloc

import pytest

from shared.catalog import Series, TagRule
from shared.policy.selection import Chooser

VARIANTS = (
    "",
    "-slim",
    "-alpine",
    "-slim-bookworm",
    "-bookworm",
    "-alpine3.20",
    "-windowsservercore",
)


def published(versions: str) -> list[str]:
    """Return the tags of an official image: each version at every precision, in every variant."""
    tags = {"latest", "alpine", "slim", "slim-bookworm", "bookworm", "alpine3.20"}
    for version in versions.split():
        numbers = version.split(".")
        floating = [".".join(numbers[:count]) for count in range(1, len(numbers) + 1)]
        tags |= {f"{tag}{variant}" for tag in floating for variant in VARIANTS}
    return sorted(tags)


PYTHON = [
    *published("2.7.18 3.9.19 3.11.9 3.12.0 3.12.1 3.12.9 3.12.10 3.13.0 3.13.1 3.14.0 3.14.1"),
    *("rc", "rc-slim", "3-rc", "3.15-rc", "3.15-rc-slim", "3.15.0a1", "3.15.0a1-slim", "3.15.0rc1-slim"),
    *("3.12.0rc2-slim", "3.12.0b4", "3.7-stretch", "3.10-buster"),
]  # fmt: skip
NODE = [
    *published("18.20.4 20.9.0 20.18.1 22.2.0 22.11.0 23.4.0 24.0.0 24.1.0"),
    *("lts", "lts-alpine", "iron", "jod-slim", "current", "hydrogen-alpine3.20", "24.0.0-bullseye-slim"),
]  # fmt: skip
NGINX = [
    *published("1.25.3 1.25.5 1.26.0 1.26.2 1.27.0 1.27.3"),
    *("1.27.3-alpine-slim", "1.27-perl", "mainline", "stable-alpine3.20-perl", "1.25.3-alpine3.18-otel"),
]  # fmt: skip
POSTGRES = [
    *published("14.15 15.10 16.0 16.6 17.0 17.2"),
    *("18beta1", "18beta2-alpine", "18rc1", "17beta3", "9.6.24", "9.6", "9", "17.2-alpine3.21"),
]
GOLANG = [
    *published("1.20.14 1.22.9 1.22.10 1.23.0 1.23.4"),
    *("1.24rc1", "1.24rc1-alpine", "1.24-rc", "tip", "tip-20240102", "1.23.4-nanoserver-ltsc2022"),
]
DOTNET = [
    *("8.0-jammy-chiseled", "8.0.1-jammy-chiseled", "8.0.11-jammy-chiseled", "8.0.11-jammy", "8.0.11"),
    *("9.0.0-noble-chiseled", "9.0.0-preview.3-jammy-chiseled", "9.0.0-rc.1-jammy-chiseled"),
]  # fmt: skip
GITHUB = [
    "v1.9.0",
    "v1.10.0",
    "v1.10.1",
    "v2.0.0-rc.1",
    "v2.0.0",
    "main",
    "sha-1234567",
    "1234567",
    "pr-7",
]
ALPINE = ["3", "3.18", "3.19", "3.20", "3.20.1", "3.20.2", "edge", "20240102", "20240329", "latest"]


def chosen(tags: list[str], **rule: object) -> str:
    chooser = Chooser(TagRule(**rule))  # type: ignore[arg-type]  # each test names fields and values of its own
    return " ".join(chooser.choose(filter(chooser.keep, tags)))


@pytest.mark.parametrize(
    ("tags", "rule", "expected"),
    [
        # the design's own example: the three newest minors, which move
        (PYTHON, {"semver": ">=3.12 <3.15", "suffix": "-slim", "newest": 3}, "3.14-slim 3.13-slim 3.12-slim"),
        (PYTHON, {"semver": ">=3.12 <3.15", "suffix": "-slim"}, "3.14-slim 3.13-slim 3.12-slim"),
        (PYTHON, {"semver": ">=3.12 <3.15", "newest": 2}, "3.14 3.13"),
        (PYTHON, {"semver": ">=3.12.0 <3.15", "newest": 3}, "3.14.1 3.14.0 3.13.1"),
        (PYTHON, {"semver": "3.12.x", "suffix": "-slim", "newest": 2}, "3.12.10-slim 3.12.9-slim"),
        (PYTHON, {"semver": ">=3.12 <3.15", "per": Series.MINOR, "newest": 1}, "3.14.1 3.13.1 3.12.10"),
        (PYTHON, {"semver": ">=2", "per": Series.MAJOR, "newest": 1}, "3.14 2.7"),
        (PYTHON, {"semver": "3.12 || =3.12.9"}, "3.12.9 3.12"),
        (PYTHON, {"semver": ">=3.13 || >=3.13.0", "newest": 1}, "3.14.1 3.14"),
        (PYTHON, {"semver": ">=3.14", "suffix": "-slim", "prereleases": True}, "3.15-rc-slim 3.14-slim"),
        (PYTHON, {"semver": ">=3.14 <3.15", "prereleases": True}, "3.14"),
        (PYTHON, {"semver": ">=3.14.0", "suffix": "-slim", "prereleases": True, "newest": 2},
         "3.15.0rc1-slim 3.15.0a1-slim"),
        (PYTHON, {"semver": ">=3", "newest": 3}, "3"),
        (PYTHON, {"semver": ">=4"}, ""),
        (NODE, {"semver": ">=20", "suffix": "-alpine", "newest": 3}, "24-alpine 23-alpine 22-alpine"),
        (NODE, {"semver": "20 || 22 || 24", "suffix": "-slim-bookworm"},
         "24-slim-bookworm 22-slim-bookworm 20-slim-bookworm"),
        (NODE, {"semver": "20 || 22 || 24", "newest": 1}, "24"),
        (NODE, {"semver": ">=18.0.0", "per": Series.MAJOR, "newest": 1}, "24.1.0 23.4.0 22.11.0 20.18.1 18.20.4"),
        (NODE, {"semver": ">=20", "deny": ("23.*",)}, "24 22 20"),
        (NODE, {"semver": ">=20", "suffix": "-alpine", "allow": ("2[02]-.*", "24")}, "22-alpine 20-alpine"),
        (NGINX, {"semver": "^1.25", "suffix": "-alpine3.20", "newest": 1}, "1.27-alpine3.20"),
        (NGINX, {"semver": "~1.26.0"}, "1.26.2 1.26.0"),
        (NGINX, {"semver": "1.25.x", "newest": 1}, "1.25.5"),
        (POSTGRES, {"semver": ">=15", "newest": 2}, "17 16"),
        (POSTGRES, {"semver": ">=16.0"}, "17.2 17.0 16.6 16.0"),
        (POSTGRES, {"semver": ">=17", "prereleases": True}, "18rc1 18beta1 17"),
        (GOLANG, {"semver": ">=1.22", "suffix": "-alpine"}, "1.23-alpine 1.22-alpine"),
        (GOLANG, {"semver": ">=1.23", "prereleases": True, "newest": 2}, "1.24rc1 1.24-rc"),
        (DOTNET, {"semver": ">=8.0.0", "suffix": "-jammy-chiseled"}, "8.0.11-jammy-chiseled 8.0.1-jammy-chiseled"),
        (DOTNET, {"semver": ">=8.0.0 <10", "suffix": "-jammy-chiseled", "prereleases": True, "newest": 2},
         "9.0.0-rc.1-jammy-chiseled 9.0.0-preview.3-jammy-chiseled"),
        # where upstream publishes no 1.10, its 1.10.1 is what `^1.9` can mean
        (GITHUB, {"semver": "^1.9", "newest": 2}, "v1.10.1 v1.10.0"),
        (GITHUB, {"semver": ">=1"}, "v2.0.0 v1.10.1 v1.10.0 v1.9.0"),
        (GITHUB, {"semver": ">=1", "prefix": "v", "newest": 1}, "v2.0.0"),
        ([*GITHUB, "2.0.0"], {"semver": ">=1", "newest": 2}, "2.0.0 v1.10.1"),
        ([*GITHUB, "2.0.0"], {"prefix": "v", "newest": 1}, "v2.0.0"),
        (GITHUB, {"prefix": "pr-"}, "pr-7"),
        (["24.04", "24.4", "24.10"], {"semver": "24.x"}, "24.10 24.4"),
        # a lone prerelease does not say which releases are meant
        (["1.0.0", "1.1.0", "1.2-beta1"], {"semver": "^1", "prereleases": True}, "1.1.0 1.0.0"),
        # dates and commits are no majors
        (ALPINE, {"semver": ">=3.18", "newest": 2}, "3.20 3.19"),
        (ALPINE, {"semver": ">=3", "newest": 2}, "3"),
        (ALPINE, {"semver": ">=20240101", "newest": 1}, "20240329"),
    ],
)  # fmt: skip
def test_a_rule_chooses_what_its_author_means(tags, rule, expected):
    assert chosen(tags, **rule) == expected
    assert chosen([*reversed(tags), *tags], **rule) == expected


@pytest.mark.parametrize(
    ("tags", "rule", "expected"),
    [
        ("nightly-20240102 nightly-20240103 nightly-9 nightly", {"allow": (r"nightly-\d{8}",)},
         "nightly-20240103 nightly-20240102"),
        ("RELEASE.2024-01-02T03-04-05Z RELEASE.2023-12-31T00-00-00Z RELEASE.2024-01-10T00-00-00Z",
         {"allow": ("RELEASE.*",), "newest": 2}, "RELEASE.2024-01-10T00-00-00Z RELEASE.2024-01-02T03-04-05Z"),
        ("b9 b10 a11 1.9-x 1.10-x 1.10", {"deny": ("none",)}, "1.10-x 1.10 1.9-x b10 b9 a11"),
        ("3.14-slim 3.15.0rc1-slim 3.9-slim 3.14", {"allow": (".*-slim",), "newest": 1}, "3.14-slim"),
        ("3.14-slim 3.15.0rc1-slim", {"allow": (".*-slim",), "newest": 1, "prereleases": True}, "3.15.0rc1-slim"),
        ("3.14-x 3.13-x 2.9-x 2.8-x edge", {"newest": 1, "per": Series.MAJOR}, "3.14-x 2.9-x edge"),
        ("a aa ab b", {"allow": ("a", "b|c")}, "b a"),
        ("a A aa", {"allow": ("(?i)a",), "deny": ("A",)}, "a"),
    ],
)  # fmt: skip
def test_a_rule_without_a_range_orders_by_leading_version_then_by_nature(tags, rule, expected):
    assert chosen(tags.split(), **rule) == expected


def test_tags_that_staging_could_not_hold_beside_a_unique_tag_are_never_chosen():
    long, longest = "1." + "0" * 110, "1." + "0" * 109
    unique = "1.2-3f2a9c1d7b0455e1"
    odd = ["", "1.2/3", "1.2:3", "-1", ".1", "1.2\n", "é", "1" * 5000]
    assert chosen([long, unique, *odd], deny=("none",)) == ""
    assert chosen([long, longest, unique, *odd], allow=(".*",)) == longest
    assert chosen([unique], semver=">=1", suffix="-3f2a9c1d7b0455e1") == ""


@pytest.mark.parametrize("rule", [{"allow": ("(",)}, {"deny": ("a(?=b)",)}, {"semver": "latest"}])
def test_a_rule_that_cannot_be_read_is_a_value_error(rule):
    with pytest.raises(ValueError, match=r"expected .*found"):
        Chooser(TagRule(**rule))


def test_an_expression_takes_linear_time_whatever_the_tag():
    chooser = Chooser(TagRule(allow=("(a+)+b", "(a|aa)*c")))
    began = time.process_time()
    assert not any(chooser.keep("a" * 111) for _ in range(1000))
    assert time.process_time() - began < 2


def test_a_hundred_thousand_tags_are_filtered_as_they_come_without_being_held():
    chooser = Chooser(TagRule(semver=">=3.12", suffix="-slim", newest=3, deny=(".*9",)))
    pages = (
        f"{major}.{minor}.{patch}{variant}"
        for major, minor, patch in itertools.product(range(30), range(30), range(10))
        for variant in (*VARIANTS, "-slim-x", "-rc.1", "-dev", "_1")
    )
    tracemalloc.start()
    began, seen = time.process_time(), 0
    for tag in pages:
        seen += 1
        chooser.keep(tag)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 99_000
    assert peak < 1_000_000
    assert time.process_time() - began < 10


def test_the_expression_library_is_loaded_only_by_a_rule_with_expressions():
    source = (
        "import sys; from shared.policy.selection import Chooser; from shared.catalog import TagRule; "
        "Chooser(TagRule(semver='1')); assert 're2' not in sys.modules; "
        "Chooser(TagRule(allow=('a',))); assert 're2' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", source], check=True)
