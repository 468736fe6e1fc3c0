"""Manifests Breakwater writes itself: an artifact that refers to a subject, and the fallback index."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest, parse
from shared.values import Layer

EMPTY = b"{}"  # image-spec, manifest.md, "Guidance for an Empty Descriptor"


def artifact(
    subject: Descriptor,
    *,
    artifact_type: str,
    layers: Sequence[Layer],
    annotations: Mapping[str, str],
) -> Manifest:
    """Return the manifest that attaches these blobs to the subject, in this order; the same input, the same digest."""
    body = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _body(Descriptor(media_types.OCI_EMPTY, Digest.of(EMPTY), len(EMPTY))),
        "layers": [_layer(each) for each in layers],
        "subject": _body(subject),
        "annotations": dict(annotations),
    }
    return parse(_encoded(body))


def fallback_tag(digest: Digest) -> str:
    """Return the tag that lists referrers where there is no API (distribution-spec 1.1, "Referrers Tag Schema")."""
    return f"sha256-{digest.hex}"


def referrers_index(known: Sequence[Descriptor], added: Manifest) -> Manifest:
    """Return the fallback index with one more referrer in it."""
    entries = [_body(each, full=True) for each in known if each.digest != added.digest]
    entries.append(_body(added.descriptor, full=True) | {"annotations": dict(added.annotations)})
    body = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries}
    return parse(_encoded(body))


def _layer(layer: Layer) -> dict[str, Any]:
    digest, size = Digest.of(layer.content), len(layer.content)
    described = Descriptor(layer.media_type, digest, size, annotations=layer.annotations)
    return _body(described, full=True)


def _body(descriptor: Descriptor, *, full: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if full and descriptor.artifact_type:
        body["artifactType"] = descriptor.artifact_type
    if full and descriptor.annotations:
        body["annotations"] = dict(descriptor.annotations)
    return body


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
