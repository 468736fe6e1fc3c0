"""The package that a package URL names, as scanners name it in their own formats."""

from collections.abc import Iterable
from urllib.parse import unquote

# Their namespace is the distribution, which is no part of the package's name.
_DISTRIBUTIONS = frozenset({"deb", "rpm", "apk", "alpm", "opkg", "bitnami"})


def name_and_version(text: str) -> tuple[str, str]:
    """Return a purl's name and version (purl-spec); what is no purl is itself the name, without a version."""
    if text[:4].lower() != "pkg:":
        return text, ""
    path = text[4:].partition("#")[0].partition("?")[0].strip("/")
    kind, _, rest = path.partition("/")
    before, at, version = rest.rpartition("@")
    if not at or not before or "/" in version:  # `pkg:npm/@scope/name` has an @ and no version
        before, version = rest, ""
    parts = [unquote(each) for each in before.split("/") if each]
    if kind.lower() in _DISTRIBUTIONS:
        parts = parts[-1:]
    joined = (":" if kind.lower() == "maven" else "/").join(parts)
    return (joined, unquote(version)) if joined else (text, "")


def together(purls: Iterable[str]) -> tuple[str, str]:
    """Return the names and the versions of all, each once: what is said of several is said of none alone."""
    found = [name_and_version(each) for each in purls]
    names = dict.fromkeys(name for name, _ in found)
    versions = dict.fromkeys(version for _, version in found if version)
    return ", ".join(names), ", ".join(versions)
