"""The body of importImage, checked and with its defaults filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.arm.errors import ArmError, invalid, not_here
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.reference import is_host, is_path, is_tag

_RESOURCE_PARTS = 9  # "", subscriptions, S, resourceGroups, G, providers, P, registries, NAME


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """One import: from where, which image, to which tags and repositories.

    `source_registry` is the ARM name of a neighbour; "" means `registry_uri` is copied from over HTTP.
    """

    repo: str
    reference: str  # tag or digest text
    targets: tuple[tuple[str, str], ...]  # repository, tag
    untagged: tuple[str, ...]
    force: bool
    registry_uri: str = ""
    resource_id: str = ""
    source_registry: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


def parse(body: Mapping[str, Any], resource: str) -> ImportRequest:
    """Check the body and return what it asks for. Raises ArmError (400) naming the property."""
    source = body.get("source")
    if not isinstance(source, dict):
        raise _missing("Source", resource)
    if not source.get("sourceImage"):
        raise _missing("Source.SourceImage", resource)
    repo, reference, tag = _source_image(str(source["sourceImage"]))
    tags = _texts(body, "targetTags")
    untagged = _texts(body, "untaggedTargetRepositories")
    if not tags and not untagged:
        raise _missing("TargetTags", resource)
    for name in untagged:
        _check(is_path(name), "untaggedTargetRepositories", "a repository like base/node", name)
    mode = body.get("mode") or "NoForce"
    _check(mode in ("NoForce", "Force"), "mode", "NoForce or Force", mode)
    uri, resource_id, neighbour = _origin(source)
    username, password = _credentials(source, resource_id)
    return ImportRequest(
        repo=repo,
        reference=reference,
        targets=tuple(_target(text, tag) for text in tags),
        untagged=untagged,
        force=mode == "Force",
        registry_uri=uri,
        resource_id=resource_id,
        source_registry=neighbour,
        username=username,
        password=password,
    )


def _missing(name: str, resource: str) -> ArmError:
    return invalid(
        f"Missing property parameters.{name} for the operation against the resource with name {resource}."
    )


def _check(good: bool, place: str, expected: str, found: object) -> None:
    if not good:
        raise invalid(f"parameters.{place}: expected {expected}, found {str(found)[:200]!r}")


def _texts(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = body.get(key) or []
    good = isinstance(found, list) and all(isinstance(each, str) for each in found)
    _check(good, key, "a list of texts", found)
    return tuple(found)


def _source_image(text: str) -> tuple[str, str, str]:
    """Return repository, reference, and the tag that targets without one get."""
    place, example = "source.sourceImage", "repo, repo:tag or repo@sha256:…"
    repo, at, digest = text.partition("@")
    if at:
        try:
            reference = Digest(digest).text
        except InvalidDigest as error:
            raise invalid(f"parameters.{place}: {error}") from error
        tag = "latest"
    else:
        repo, colon, tag = text.partition(":")
        tag = tag if colon else "latest"
        _check(is_tag(tag), place, example, text)
        reference = tag
    _check(is_path(repo), place, example, text)
    return repo, reference, tag


def _target(text: str, default_tag: str) -> tuple[str, str]:
    repo, colon, tag = text.partition(":")
    tag = tag if colon else default_tag
    _check(is_path(repo) and is_tag(tag), "targetTags", "repo or repo:tag", text)
    return repo, tag


def _origin(source: Mapping[str, Any]) -> tuple[str, str, str]:
    uri, resource_id = str(source.get("registryUri") or ""), str(source.get("resourceId") or "")
    _check(
        bool(uri) != bool(resource_id),
        "source",
        "exactly one of registryUri and resourceId",
        sorted(source),  # their names: what they hold may be a secret
    )
    if uri:
        _check(is_host(uri), "source.registryUri", "a host like docker.io, no scheme, no path", uri)
        return uri, "", ""
    parts = resource_id.split("/")
    good = len(parts) == _RESOURCE_PARTS and parts[7].lower() == "registries"
    _check(good, "source.resourceId", "a registry's resource id", resource_id)
    return "", resource_id, parts[8]


def _credentials(source: Mapping[str, Any], resource_id: str) -> tuple[str, str]:
    credentials = source.get("credentials")
    if credentials is None:
        return "", ""
    if resource_id:
        raise not_here("source.credentials together with source.resourceId")
    good = isinstance(credentials, dict) and bool(credentials.get("password"))
    _check(good, "source.credentials", "a password", "none")
    return str(credentials.get("username") or ""), str(credentials["password"])
