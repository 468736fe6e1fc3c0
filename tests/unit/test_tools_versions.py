"""How the stand-in orders the versions of Alpine's and Debian's packages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.tools import cvss
from local.tools.versions import InvalidVersion, compare_apk, compare_dpkg

APK_ASCENDING = [
    ("3.1.4-r5", "3.1.4-r6"),
    ("3.1.4-r9", "3.1.4-r10"),
    ("3.1.4-r10", "3.1.8-r0"),
    ("1.36.1-r15", "1.36.1-r19"),
    ("1.2.4_git20230717-r4", "1.2.4_git20230717-r5"),
    ("1.2.4-r9", "1.2.4_git20230717-r4"),
    ("1.2.4_git20230717-r4", "1.2.5-r0"),
    ("1.2", "1.2-r0"),
    ("1.0", "1.0.1"),
    ("0.7.22", "0.12"),
    ("1.06", "1.1"),
    ("1.1", "1.1a"),
    ("1.1a", "1.1b"),
    ("1.1z", "1.1.1"),
    ("1.0_alpha", "1.0_alpha1"),
    ("1.0_alpha2", "1.0_beta1"),
    ("1.0_beta1", "1.0_pre1"),
    ("1.0_pre1", "1.0_rc1"),
    ("1.0_rc9", "1.0"),
    ("1.0_alpha_pre2", "1.0_alpha"),
    ("1.0", "1.0_cvs1"),
    ("1.0_cvs1", "1.0_svn1"),
    ("1.0_svn1", "1.0_git1"),
    ("1.0_git1", "1.0_hg1"),
    ("1.0_hg1", "1.0_p1"),
    ("1.0_p9-r0", "1.0_p10-r0"),
    ("9", "10"),
    ("006", "7"),
]


@pytest.mark.parametrize(("older", "newer"), APK_ASCENDING)
def test_apk_orders_versions(older, newer):
    assert compare_apk(older, newer) < 0
    assert compare_apk(newer, older) > 0
    assert compare_apk(older, older) == 0


@pytest.mark.parametrize("text", ["", "1.0bc", "23_foo", "v1.0", "1.0-1", "1..2", "1.0-r", "1.0\n"])
def test_apk_refuses_what_is_no_version(text):
    with pytest.raises(InvalidVersion, match="apk version"):
        compare_apk(text, "1.0")


_numbers = st.lists(st.integers(0, 30), min_size=1, max_size=4)
_apk = st.builds(
    lambda numbers, letter, suffix, revision: (
        ".".join(map(str, numbers)) + letter + suffix + revision
    ),
    _numbers,
    st.sampled_from(["", "a", "z"]),
    st.sampled_from(["", "_alpha", "_rc2", "_git20230717", "_p1"]),
    st.sampled_from(["", "-r0", "-r12"]),
)


@given(_apk, _apk, _apk)
def test_apk_order_is_an_order(first, second, third):
    assert compare_apk(first, second) == -compare_apk(second, first)
    if compare_apk(first, second) <= 0 and compare_apk(second, third) <= 0:
        assert compare_apk(first, third) <= 0


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("3.0.11-1~deb12u2", "3.0.14-1~deb12u2"),
        ("3.0.14-1~deb12u2", "3.0.14-1"),
        ("1.2.13.dfsg-1", "1:1.2.13.dfsg-1"),
        ("1:1.2.13.dfsg-1", "1:1.2.13.dfsg-1+b1"),
        ("2.36-9+deb12u9", "2.36-9+deb12u10"),
    ],
)
def test_dpkg_orders_versions(older, newer):
    assert compare_dpkg(older, newer) < 0
    assert compare_dpkg(newer, older) > 0
    assert compare_dpkg(newer, newer) == 0


@pytest.mark.parametrize("text", ["", "abc", "1:", "not a version"])
def test_dpkg_refuses_what_is_no_version(text):
    with pytest.raises(InvalidVersion, match="Debian version"):
        compare_dpkg(text, "1.0")


@pytest.mark.parametrize(
    ("vector", "severity"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H", "CRITICAL"),  # 9.1
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "HIGH"),  # 7.5
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "MEDIUM"),  # 6.1
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:L/A:N", "LOW"),  # 3.7
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "UNKNOWN"),  # 0.0
        ("CVSS:3.1/AV:N/AC:L", "UNKNOWN"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "UNKNOWN"),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_a_cvss_vector_is_rated_by_its_base_score(vector, severity):
    assert cvss.severity(vector) == severity
