"""Which repositories a registry's push webhook is about; a hint to look, never trusted for more."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.catalog import Image
from shared.oci.reference import is_path

_MOST = 100  # events read from one body


def mentioned(body: object) -> frozenset[str]:
    """Return the repository paths that a webhook's JSON body names.

    Understands Docker Hub, ACR, Harbor, Quay, GHCR and distribution's notifications
    (docs/webhooks in each); anything else mentions nothing.
    """
    if not isinstance(body, Mapping):
        return frozenset()
    found = {path for path in _paths(body) if isinstance(path, str) and is_path(path)}
    return frozenset(found)


def concerned(images: Iterable[Image], paths: frozenset[str]) -> tuple[Image, ...]:
    """Return the catalog's images whose source repository is among the paths."""
    return tuple(image for image in images if image.source.path in paths)


def _paths(body: Mapping[str, Any]) -> Iterable[object]:
    repository = _of(body, "repository")
    yield repository.get("repo_name")  # Docker Hub
    if isinstance(repository.get("name"), str) and repository.get("namespace") == "library":
        yield f"library/{repository['name']}"
    yield _of(body, "target").get("repository")  # ACR
    yield _of(_of(body, "event_data"), "repository").get("repo_full_name")  # Harbor
    yield body.get("repository")  # Quay: "namespace/name"
    package = _of(body, "package") or _of(body, "registry_package")  # GHCR
    owner = _of(package, "owner").get("login") or package.get("namespace")
    if isinstance(owner, str):
        yield f"{owner}/{package.get('name')}".lower()
    events = body.get("events")  # distribution
    for event in events[:_MOST] if isinstance(events, list) else ():
        if isinstance(event, Mapping):
            yield _of(event, "target").get("repository")


def _of(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}
