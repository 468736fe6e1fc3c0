"""What a registry's push webhook is about; a hint to look, never trusted for more."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

from shared.catalog import Image
from shared.oci.reference import is_host, is_path, is_tag

_FORM = "application/x-www-form-urlencoded"  # GitHub's default: the JSON is the field "payload"
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})  # one registry's names
_GHCR = frozenset({"ghcr.io"})
# A pull is no news, and must not be: a look is a pull, and would be told of in its turn.
_CHANGES = frozenset(
    {
        *("push", "delete", "published", "updated", "PUSH_ARTIFACT", "DELETE_ARTIFACT"),
        *("harbor.artifact.pushed", "harbor.artifact.deleted"),
    }
)


class Sender(StrEnum):
    """Who sends push webhooks that are understood."""

    DOCKER_HUB = "Docker Hub"
    GITHUB = "GitHub"
    QUAY = "Quay"
    HARBOR = "Harbor"
    ACR = "Azure Container Registry"
    DISTRIBUTION = "distribution"


@dataclass(frozen=True, slots=True)
class Push:
    """A repository that changed.

    It is in one of these registries (none: the body names no host); `tags` are those named, if any.
    """

    registries: frozenset[str]
    path: str
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who tells, and of which changes; `home` is where the sender's images live when no push says so."""

    sender: Sender
    pushes: tuple[Push, ...] = ()
    home: frozenset[str] = frozenset()


def read(body: bytes, content_type: str) -> object:
    """Return the JSON of a body, sent as it is or as a form's payload. Raises ValueError saying what was expected."""
    try:
        if content_type.partition(";")[0].strip().lower() == _FORM:
            [text] = parse_qs(body.decode(), max_num_fields=10).get("payload", [])
            return json.loads(text)
        return json.loads(body)
    except (ValueError, RecursionError):
        message = "expected a registry's webhook in JSON, or a form with JSON in the field payload"
        raise ValueError(message) from None


def recognise(body: object, headers: Mapping[str, str]) -> Webhook | None:
    """Tell whose webhook it is, by its shape and its headers (names in lower case), and what it names.

    Shapes: docs.docker.com "Webhooks", docs.github.com "package" and "registry_package", docs.redhat.com
    Quay "Repository notifications", goharbor.io "Configure webhook notifications" (both formats),
    learn.microsoft.com "container-registry-webhook-reference", distribution.github.io "Notifications".
    """
    if not isinstance(body, Mapping):
        return None
    if "x-github-event" in headers:
        return Webhook(Sender.GITHUB, _of_github(body), _GHCR)
    if isinstance(body.get("push_data"), Mapping):
        return Webhook(Sender.DOCKER_HUB, _of_docker_hub(body), _HUB)
    if isinstance(body.get("docker_url"), str):
        return Webhook(Sender.QUAY, _of_quay(body))
    cloud_event = str(body.get("type")).startswith("harbor.")
    if isinstance(body.get("event_data"), Mapping) or cloud_event:
        return Webhook(Sender.HARBOR, tuple(_of_harbor(body)))
    if isinstance(body.get("events"), list):
        each = (_of_event(event) for event in body["events"] if isinstance(event, Mapping))
        return Webhook(Sender.DISTRIBUTION, tuple(push for found in each for push in found))
    if isinstance(body.get("action"), str) and "id" in body:
        return Webhook(Sender.ACR, _of_event(body))
    return None


def addressed(webhook: Webhook, registries: Iterable[str]) -> frozenset[str]:
    """Return those of the registries that the webhook speaks for, whatever images they have."""
    named = [push.registries for push in webhook.pushes] or [webhook.home] * bool(webhook.home)
    anywhere = any(not each for each in named)
    hosts = frozenset().union(*named)
    return frozenset(each for each in registries if anywhere or _plain(each) in hosts)


def concerned(images: Iterable[Image], webhook: Webhook) -> tuple[Image, ...]:
    """Return the images that a push is about: their repository, and a tag they might watch."""
    pushes: dict[str, list[Push]] = {}
    for push in webhook.pushes:
        pushes.setdefault(push.path, []).append(push)
    return tuple(
        image
        for image in images
        if any(_is_about(push, image) for push in pushes.get(image.source.path, ()))
    )


def _is_about(push: Push, image: Image) -> bool:
    if push.registries and _plain(image.source.registry) not in push.registries:
        return False
    # Which new tags a rule chooses, the look finds out.
    return not push.tags or image.rule is not None or not push.tags.isdisjoint(image.tags)


def _of_docker_hub(body: Mapping[str, Any]) -> tuple[Push, ...]:
    repository = _of(body, "repository")
    path = repository.get("repo_name") or _joined(
        repository.get("namespace"), repository.get("name")
    )
    return _push(_HUB, path, [_of(body, "push_data").get("tag")])


def _of_github(body: Mapping[str, Any]) -> tuple[Push, ...]:
    package = _of(body, "package") or _of(body, "registry_package")
    kind = package.get("package_type", "container")
    if not _is_change(body.get("action")) or str(kind).lower() not in ("container", "docker"):
        return ()
    version = _of(package, "package_version")
    tag = _of(_of(version, "container_metadata"), "tag").get("name")
    host, path, _ = _reference(version.get("package_url"))
    if host:
        return _push(frozenset({host}), path, [tag])
    owner = _of(package, "owner").get("login") or package.get("namespace")
    return _push(_GHCR, _joined(owner, package.get("name")).lower(), [tag])


def _of_quay(body: Mapping[str, Any]) -> tuple[Push, ...]:
    tags = body.get("updated_tags")  # a list; a mapping to digests in older ones
    if not isinstance(tags, list | Mapping):
        return ()
    host, path, _ = _reference(body["docker_url"])
    return _push(frozenset({host} - {""}), path or body.get("repository"), tags)


def _of_harbor(body: Mapping[str, Any]) -> Iterator[Push]:
    if not _is_change(body.get("type")):
        return
    data = _of(body, "event_data") or _of(body, "data")
    resources = data.get("resources")
    whole = _of(data, "repository").get("repo_full_name")
    found = False
    for each in resources if isinstance(resources, list) else ():
        if isinstance(each, Mapping):
            host, path, tag = _reference(each.get("resource_url"))
            hosts = frozenset({host} - {""})
            for push in _push(hosts, path or whole, [each.get("tag") or tag]):
                found = True
                yield push
    if not found:
        yield from _push(frozenset(), whole, [])


def _of_event(event: Mapping[str, Any]) -> tuple[Push, ...]:
    """Read one event of a distribution registry, which is all that ACR sends."""
    target = _of(event, "target")
    url = str(target.get("url") or "").partition("://")[2]
    layer = target.get("mediaType") == "application/octet-stream" or "/blobs/" in url
    if not _is_change(event.get("action")) or layer:
        return ()
    hosts = {_host(url.partition("/")[0]), _host(_of(event, "request").get("host"))}
    return _push(frozenset(hosts - {""}), target.get("repository"), [target.get("tag")])


def _is_change(action: object) -> bool:
    return isinstance(action, str) and action in _CHANGES


def _push(registries: frozenset[str], path: object, tags: Iterable[object]) -> tuple[Push, ...]:
    """Return the push if it names a repository; what is no tag is no tag."""
    if not isinstance(path, str) or not is_path(path):
        return ()
    named = frozenset(each for each in tags if isinstance(each, str) and is_tag(each))
    return (Push(registries, path, named),)


def _reference(text: object) -> tuple[str, str, str]:
    """Return host, path and tag of `host/path:tag`, each empty when it is not there."""
    host, slash, rest = text.partition("/") if isinstance(text, str) else ("", "", "")
    path, _, tag = rest.partition("@")[0].partition(":")
    known = _host(host)
    return (known, path, tag) if slash and known and is_path(path) else ("", "", "")


def _host(text: object) -> str:
    return _plain(text) if isinstance(text, str) and is_host(text) else ""


def _plain(host: str) -> str:
    """Return a host as it is compared: without regard to case, and to https's own port."""
    return host.lower().removesuffix(":443")


def _joined(namespace: object, name: object) -> str:
    return f"{namespace}/{name}" if isinstance(namespace, str) and isinstance(name, str) else ""


def _of(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}
