"""A range admits exactly the versions that its comparisons name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.oci.versions import Range, Version

PATIENT = settings(deadline=None)

SMALL = st.integers(0, 3)
PRES = st.sampled_from([(), (), ("alpha", 1), ("rc",), ("rc", 2)])
RELEASES = st.lists(SMALL, min_size=1, max_size=4).map(lambda numbers: Version(tuple(numbers)))
VERSIONS = st.builds(lambda release, pre: Version(release.numbers, pre), RELEASES, PRES)


def admits(text: str, version: str) -> bool:
    read = Version.parse(version)
    assert read is not None
    return Range.parse(text).admits(read)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=3.12 <3.15", "3.12 3.12.0 3.13 3.14.99 3.13.1.1", "3 3.11 3.11.99 3.15 3.15.0 4 3.15-rc 3.15.0rc1"),
        (">= 3.12, < 3.15", "3.12 3.14", "3.15 3.11"),
        (">1 <=2.5", "2.0 2.5 2.5.9", "1.9 1.0 2.6 2"),
        (">1.2.3", "1.2.4 1.3.0 2.0.0", "1.2.3 1.2.3.9 1.2"),
        ("<=1.2.3", "1.2.3 1.2.3.9 0.1.0", "1.2.4 1.3.0"),
        ("<2", "1 0 1.9", "2 2.0 2-rc 2.0.0-alpha.1 20240102"),
        ("^1.2", "1.2 1.9.9 1.2.0", "1 1.1 2.0 2.0-rc1"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.4 0.1.0"),
        ("^0", "0 0.9", "1 1.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2 1.2"),
        ("~>1.2", "1.2 1.2.9", "1.3 1.1"),
        ("~1", "1 1.9", "2 0"),
        ("1.x", "1.0 1.9.9", "1 2.0 0.9"),
        ("1.2.*", "1.2.0 1.2.9", "1.2 1.3.0"),
        (">=1.X.x", "1.0.0 2.0.0", "1.2 0.9.9"),
        ("=1.2.3", "1.2.3 1.2.3.4 v1.2.3", "1.2.4 1.2 1.2.3-rc.1"),
        ("==v1.2", "1.2 1.2.9", "1.3"),
        ("20 || 22", "20 22 22.1", "21 23"),
        ("1.2 - 1.4", "1.2 1.4 1.4.9", "1.1 1.5 1"),
        (">=1.2.3-rc.1", "1.2.3 1.2.3-rc.1 1.2.3rc2", "1.2.3-beta.9 1.2.2"),
        ("<=1.2.3-rc.1", "1.2.3-rc.1 1.2.2 1.2.3-beta", "1.2.3-rc.1.1 1.2.3-rc.2 1.2.3"),
        ("=1.2.3-rc.1", "1.2.3-rc.1 1.2.3rc1", "1.2.3 1.2.3-rc.2 1.2.3-rc.1.0"),
        ("*", "1 0 1.2.3 20240102", ""),
        ("x.x.x", "1.2.3 1.2.3.4", "1 1.2"),
        (">=3", "3 4.1", "20240102 1234567 2"),
        (">=20240101", "20240102", "3 20231231"),
        ("2024.x", "2024.01 2024.12.31", "2023.1 2025.1"),
    ],
)  # fmt: skip
def test_a_range_admits_what_it_names(text, inside, outside):
    assert [each for each in inside.split() if not admits(text, each)] == []
    assert [each for each in outside.split() if admits(text, each)] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found ''"),
        ("   ", "found ''"),
        ("||", "found ''"),
        ("1 ||", "found ''"),
        (">=1,,<2", "found ''"),
        (">=", "found '>='"),
        (">=1<2", "found '>=1<2'"),
        ("!=1.2", "found '!=1.2'"),
        (">*", "found '>\\*'"),
        ("latest", "found 'latest'"),
        ("3.12-slim", "suffix, not part of the range\\), found '3.12-slim'"),
        ("1.x.2", "found '1.x.2'"),
        ("1.2.3+build", "a version like 1.2"),
        (">=2 <1", "expected a range that some version is in, found '>=2 <1'"),
        (">1.2.3-rc.1 <1.2.3", "expected a range that some version is in"),
        ("<0", "expected a range that some version is in"),
        (">=1 <1", "expected a range that some version is in"),
        ("9" * 600, "expected a range of at most 512 characters, found 600"),
    ],
)
def test_a_range_that_is_none_says_what_was_expected_and_found(text, told):
    with pytest.raises(ValueError, match=rf"^expected .*{told.removeprefix('expected ')}"):
        Range.parse(text)


@PATIENT
@given(RELEASES, RELEASES)
def test_comparisons_look_at_as_many_numbers_as_are_written(version, written):
    begins, bound = version.numbers[: len(written.numbers)], written.numbers
    told = {
        ">=": begins >= bound,
        ">": begins > bound,
        "<=": begins <= bound,
        "<": begins < bound,
        "=": begins == bound,
        "~": begins >= bound and begins[:2] == bound[:2],
        "^": begins >= bound and begins[: _fast(bound)] == bound[: _fast(bound)],
    }
    for operator, expected in told.items():
        if operator == "<" and not any(bound):
            continue  # no release is below 0: refused, see above
        precise = len(version.numbers) >= len(bound)
        assert Range.parse(f"{operator}{written}").admits(version) == (precise and expected)


def _fast(bound: tuple[int, ...]) -> int:
    return next((at + 1 for at in range(len(bound)) if bound[at]), len(bound))


@PATIENT
@given(VERSIONS, VERSIONS)
def test_above_is_what_is_not_below_or_equal(version, written):
    if len(version.numbers) >= len(written.numbers):
        above, to = Range.parse(f">{written}"), Range.parse(f"<={written}")
        assert above.admits(version) != to.admits(version)


@PATIENT
@given(VERSIONS, VERSIONS)
def test_a_written_prerelease_is_a_point(version, written):
    if written.pre and len(version.numbers) >= len(written.numbers):
        assert Range.parse(f">={written}").admits(version) == (version.key >= written.key)
        assert Range.parse(f"<{written}").admits(version) == (version.key < written.key)
        assert Range.parse(f"={written}").admits(version) == (version.key == written.key)


@PATIENT
@given(VERSIONS.filter(lambda version: any(version.numbers)))
def test_a_prerelease_is_neither_its_version_nor_within_a_bound_at_it(version):
    bound = Version(version.numbers)
    for operator in (">=", "<", "=", "^", "~"):
        admitted = Range.parse(f"{operator}{bound}").admits(version)
        assert admitted == (operator != "<" and not version.pre)


@PATIENT
@given(st.text(max_size=40) | st.text("0123456789.x*<>=^~|, -vrc", max_size=40))
def test_any_text_is_a_range_or_a_value_error(text):
    try:
        read = Range.parse(text)
    except ValueError as error:
        told = str(error)
        assert told.startswith("expected"), told
    else:
        assert read == Range.parse(str(read))


@PATIENT
@given(st.lists(VERSIONS, min_size=1, max_size=3), VERSIONS)
def test_alternatives_admit_what_one_of_them_admits(written, version):
    texts = [f">={each}" for each in written]
    assert Range.parse(" || ".join(texts)).admits(version) == any(
        Range.parse(text).admits(version) for text in texts
    )
