"""The copy an import makes: every manifest of the image and its blobs, each checked against its digest."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from local.acr.registry import Registry
from local.arm.copying import LARGEST_BLOB, CopyFailed, Source
from local.arm.import_request import ImportRequest
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, InvalidManifest, Manifest, parse

MOST_MANIFESTS = 50  # per image (ACR docs, container-registry-import-images.md, "Limitations")
_DEEPEST = 4  # indexes inside indexes
_AT_ONCE = 4  # blobs
# Layers that are fetched from elsewhere and never pushed (image-spec, "Non-Distributable Layers").
_FOREIGN = ("nondistributable", "foreign")


class TagExists(Exception):
    """A target tag exists and the mode is NoForce."""


class Refused(Exception):
    """The image is one that ACR does not import."""


@dataclass(frozen=True, slots=True)
class Image:
    """Everything one import copies: the children, those inside first, and what was asked for."""

    children: tuple[Manifest, ...]
    root: Manifest


async def run(request: ImportRequest, source: Source, target: Registry) -> None:
    """Copy the image; nothing is copied when a tag is in the way.

    Raises TagExists, Refused, CopyFailed, or RegistryError where a lock bites.
    """
    if not request.force:
        for repo, tag in request.targets:
            if tag in target.tags(repo):
                message = f"{repo}:{tag} Tag {repo}:{tag} already exists in target registry."
                raise TagExists(message)
    image = await _read(source, request.reference)
    repositories = dict.fromkeys([*(repo for repo, _ in request.targets), *request.untagged])
    raises = target.switches.import_raises_event
    for repo in repositories:
        await _blobs(source, image, target, repo)
        for child in image.children:
            if target.manifest(repo, child.digest.text) is None:
                _put(target, repo, child.digest.text, child, raises=raises)
    for repo, tag in request.targets:
        _put(target, repo, tag, image.root, raises=raises)
    for repo in request.untagged:
        if target.manifest(repo, image.root.digest.text) is None:
            _put(target, repo, image.root.digest.text, image.root, raises=raises)


def _put(target: Registry, repo: str, reference: str, manifest: Manifest, *, raises: bool) -> None:
    written = target.put_manifest(
        repo,
        reference,
        manifest.media_type,
        manifest.raw,
        raise_event=raises,
        useragent="importImage",
        by_import=True,
    )
    if str(written) != manifest.digest.text:
        message = f"Digest mismatch: {repo}: expected {manifest.digest}, the target has {written}."
        raise CopyFailed(message)


async def _read(source: Source, reference: str) -> Image:
    root = await _manifest(source, reference)
    children: dict[Digest, Manifest] = {}
    await _children(source, root, children, depth=1)
    return Image(tuple(children.values()), root)


async def _children(
    source: Source, index: Manifest, found: dict[Digest, Manifest], *, depth: int
) -> None:
    if depth > _DEEPEST:
        message = f"expected at most {_DEEPEST} indexes inside each other."
        raise Refused(message)
    new = {each.digest for each in index.manifests} - set(found)
    if len(found) + len(new) > MOST_MANIFESTS:
        message = f"expected at most {MOST_MANIFESTS} manifests in an image, found more."
        raise Refused(message)
    for each in index.manifests:
        if each.digest in found:
            continue
        child = await _manifest(source, each.digest.text)
        if child.is_index:
            await _children(source, child, found, depth=depth + 1)
        found[child.digest] = child


async def _manifest(source: Source, reference: str) -> Manifest:
    content = await source.manifest(reference)
    try:
        manifest = parse(content.raw, content.media_type)
    except InvalidManifest as error:
        message = f"Error copying blobs. {reference}: {error}"
        raise CopyFailed(message) from error
    if ":" in reference and manifest.digest.text != reference:
        message = f"Digest mismatch: asked for {reference}, got {manifest.digest}."
        raise CopyFailed(message)
    return manifest


async def _blobs(source: Source, image: Image, target: Registry, repo: str) -> None:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(blob: Descriptor) -> None:
        async with slots:
            content = await source.blob(blob.digest.text, blob.size)
            actual = await asyncio.to_thread(Digest.of, content)
            if actual != blob.digest:
                message = f"Error copying blobs. Digest mismatch: {blob.digest}, got {actual}."
                raise CopyFailed(message)
            target.put_blob(repo, content)

    wanted = {
        blob.digest: blob for blob in _needed(image) if not target.has_blob(repo, blob.digest.text)
    }
    try:
        async with asyncio.TaskGroup() as group:
            for blob in wanted.values():
                group.create_task(one(blob))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


def _needed(image: Image) -> Iterator[Descriptor]:
    for manifest in (*image.children, image.root):
        for blob in (*([manifest.config] if manifest.config else []), *manifest.layers):
            if any(word in blob.media_type for word in _FOREIGN):
                continue
            if blob.size > LARGEST_BLOB:
                message = f"expected blobs of at most {LARGEST_BLOB} bytes, {blob.digest} has {blob.size}."
                raise Refused(message)
            yield blob
