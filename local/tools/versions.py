"""How Alpine's apk and Debian's dpkg order versions."""

import re
from collections.abc import Callable

from debian_inspector.version import Version


class InvalidVersion(ValueError):
    """The text is not a version in this package manager's grammar."""


type Compare = Callable[[str, str], int]  # negative, zero, positive; raises InvalidVersion

# apk-tools, doc/apk-package.5.scd, "Version": digits, a letter, suffixes, a commit, a revision.
_APK = re.compile(
    r"(?P<numbers>[0-9]+(?:\.[0-9]+)*)(?P<letter>[a-z]?)"
    r"(?P<suffixes>(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*)"
    r"(?:~(?P<commit>[0-9a-f]+))?(?:-r(?P<revision>[0-9]+))?"
)
_SUFFIX = re.compile(r"_([a-z]+)([0-9]*)")
_BEFORE = ("alpha", "beta", "pre", "rc")  # sort below the plain version
_AFTER = ("cvs", "svn", "git", "hg", "p")  # sort above it

# Where two versions differ in kind, the one whose next part ranks higher is the newer one.
_PRE, _END, _REVISION, _COMMIT, _POST, _LETTER, _NUMBER = range(7)


def compare_apk(left: str, right: str) -> int:
    """Order two versions as apk does. Raises InvalidVersion."""
    ours, theirs = _apk_parts(left), _apk_parts(right)
    for mine, yours in zip(ours, theirs, strict=False):  # both end with _END, so one ends the loop
        if mine == yours:
            continue
        if mine[0] == yours[0] == _NUMBER:
            return _compare_numbers(mine[1], yours[1])
        return 1 if mine > yours else -1
    return 0


def compare_dpkg(left: str, right: str) -> int:
    """Order two versions as dpkg does. Raises InvalidVersion."""
    ours, theirs = _dpkg(left), _dpkg(right)
    return int(ours > theirs) - int(ours < theirs)


def _dpkg(text: str) -> Version:
    try:
        return Version.from_string(text)
    except ValueError as error:
        message = f"expected a Debian version like 1:1.2.13-1, found {text[:100]!r}"
        raise InvalidVersion(message) from error


def _apk_parts(text: str) -> list[tuple[int, str, int]]:
    match = _APK.fullmatch(text)
    if not match:
        message = f"expected an apk version like 3.1.4-r5, found {text[:100]!r}"
        raise InvalidVersion(message)
    first, *others = match["numbers"].split(".")
    parts = [(_NUMBER, first.lstrip("0") or "0", 0)]  # only later numbers are fractions
    parts += [(_NUMBER, number, 0) for number in others]
    if match["letter"]:
        parts.append((_LETTER, match["letter"], 0))
    for name, number in _SUFFIX.findall(match["suffixes"]):
        rank, order = (_PRE, _BEFORE) if name in _BEFORE else (_POST, _AFTER)
        parts.append((rank, str(order.index(name)), int(number or 0)))
    if match["commit"]:
        parts.append((_COMMIT, match["commit"], 0))
    if match["revision"]:
        parts.append((_REVISION, "", int(match["revision"])))
    parts.append((_END, "", 0))
    return parts


def _compare_numbers(left: str, right: str) -> int:
    if left.startswith("0") or right.startswith("0"):  # a fraction: 1.06 is below 1.1
        return (left > right) - (left < right)
    return (int(left) > int(right)) - (int(left) < int(right))
