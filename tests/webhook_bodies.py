"""Push webhooks as each registry documents them, with names of our own in them."""

from typing import Any

_DIGEST = "sha256:" + "5e" * 32


def docker_hub(path: str = "team/shop", tag: str = "1.0") -> dict[str, Any]:
    """Docker Hub's only webhook (docs.docker.com, "Webhooks")."""
    namespace, name = path.split("/")
    return {
        "callback_url": f"https://registry.hub.docker.com/u/{path}/hook/1a2b3c/",
        "push_data": {"pushed_at": 1764000000, "pusher": "builder", "tag": tag, "images": []},
        "repository": {
            "name": name,
            "namespace": namespace,
            "owner": namespace,
            "repo_name": path,
            "repo_url": f"https://registry.hub.docker.com/u/{path}/",
            "is_official": False,
            "is_private": False,
            "is_trusted": True,
            "status": "Active",
            "star_count": 0,
            "comment_count": 0,
            "date_created": 1763000000,
        },
    }


def github(
    path: str = "contoso/shop", tag: str = "1.0", key: str = "package", action: str = "published"
) -> dict[str, Any]:
    """GitHub's package and registry_package events (docs.github.com, "Webhook events and payloads")."""
    owner, name = path.split("/", 1)
    package = {
        "id": 1,
        "name": name,
        "namespace": owner,
        "ecosystem": "CONTAINER",
        "package_type": "CONTAINER",
        "owner": {"login": owner.title(), "type": "Organization"},
        "package_version": {
            "id": 2,
            "version": _DIGEST,
            "package_url": f"ghcr.io/{path}:{tag}",
            "container_metadata": {"tag": {"name": tag, "digest": _DIGEST}},
        },
    }
    repository = {"name": name, "full_name": f"{owner.title()}/{name}"}
    return {"action": action, key: package, "repository": repository}


GITHUB_PING: dict[str, Any] = {
    "zen": "Keep it logically awesome.",
    "hook_id": 1,
    "hook": {"type": "Organization", "events": ["package"]},
}


def quay(path: str = "team/shop", tag: str = "1.0", host: str = "quay.io") -> dict[str, Any]:
    """Quay's "Push to repository" (docs.redhat.com, "Repository notifications")."""
    namespace, name = path.split("/")
    return {
        "name": name,
        "repository": path,
        "namespace": namespace,
        "docker_url": f"{host}/{path}",
        "homepage": f"https://{host}/repository/{path}",
        "updated_tags": [tag],
    }


def harbor(
    path: str = "team/shop",
    tag: str = "1.0",
    host: str = "harbor.contoso.com",
    kind: str = "PUSH_ARTIFACT",
) -> dict[str, Any]:
    """Harbor's default format (goharbor.io, "Configure webhook notifications")."""
    namespace, name = path.split("/", 1)
    url = f"{host}/{path}:{tag}"
    return {
        "type": kind,
        "occur_at": 1764000000,
        "operator": "robot$ci",
        "event_data": {
            "resources": [{"digest": _DIGEST, "tag": tag, "resource_url": url}],
            "repository": {
                "date_created": 1763000000,
                "name": name,
                "namespace": namespace,
                "repo_full_name": path,
                "repo_type": "private",
            },
        },
    }


def harbor_cloud_event(path: str = "team/shop") -> dict[str, Any]:
    """Harbor's CloudEvents format."""
    return {
        "specversion": "1.0",
        "id": "66e18103-09c1-41f6-982f-37df223f3eeb",
        "source": "/projects/2/webhook/policies/15",
        "type": "harbor.artifact.pushed",
        "datacontenttype": "application/json",
        "time": "2026-11-23T12:00:00Z",
        "data": harbor(path)["event_data"],
        "operator": "robot$ci",
    }


def acr(
    path: str = "team/shop",
    tag: str = "1.0",
    host: str = "partner.azurecr.io",
    action: str = "push",
) -> dict[str, Any]:
    """ACR's own webhook (learn.microsoft.com, "container-registry-webhook-reference")."""
    return {
        "id": "cb8c3971-9adc-488b-bdd8-43cbb4974ff5",
        "timestamp": "2026-11-23T12:00:00.0Z",
        "action": action,
        "target": {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "size": 524,
            "digest": _DIGEST,
            "length": 524,
            "repository": path,
            "tag": tag,
        },
        "request": {
            "id": "3cbb6949-7549-4fa1-86cd-a6d5451dffc7",
            "host": host,
            "method": "PUT",
            "useragent": "docker/27.0",
        },
    }


ACR_PING: dict[str, Any] = {
    "id": "0a1b2c3d-0000-0000-0000-000000000000",
    "timestamp": "2026-11-23T12:00:00.0Z",
    "action": "ping",
}


def event(
    path: str = "team/shop",
    tag: str = "1.0",
    host: str = "registry.contoso.com:5000",
    action: str = "push",
) -> dict[str, Any]:
    """One event of the distribution registry (distribution.github.io, "Notifications")."""
    return {
        "id": "938360cd-0ea6-4b99-af1a-2de513045f0e",
        "timestamp": "2026-11-23T12:00:00.044234167Z",
        "action": action,
        "target": {
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "size": 948,
            "digest": _DIGEST,
            "length": 948,
            "repository": path,
            "url": f"https://{host}/v2/{path}/manifests/{_DIGEST}",
            "tag": tag,
        },
        "request": {"id": "1", "addr": "10.0.0.4:41234", "host": host, "method": "PUT"},
        "actor": {},
        "source": {"addr": "registry-0:5000", "instanceID": "a53db899"},
    }


def layer(path: str = "team/shop", host: str = "registry.contoso.com:5000") -> dict[str, Any]:
    """The event of a layer's push, of which every image has some."""
    found = event(path, host=host)
    found["target"]["mediaType"] = "application/octet-stream"
    found["target"]["url"] = f"https://{host}/v2/{path}/blobs/{_DIGEST}"
    del found["target"]["tag"]
    return found


def distribution(*events: dict[str, Any]) -> dict[str, Any]:
    """The envelope in which a distribution registry sends them."""
    return {"events": list(events or (event(),))}
