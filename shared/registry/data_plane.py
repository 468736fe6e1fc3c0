"""The data plane of the registries we own, over HTTP: OCI distribution 1.1 and ACR's /acr/v1."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests

from shared.errors import Permanent, Transient
from shared.oci import media_types
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.manifest import Descriptor, InvalidManifest, Manifest, parse
from shared.oci.reference import Repository, is_tag
from shared.registry import artifacts, attributes
from shared.registry.wire import Call, Wire, body
from shared.values import Layer, Locks, ManifestEntry, TagEntry

_LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes; distribution-spec 1.1, "Pushing Manifests"
_LARGEST_PAGE = 16 * 1024 * 1024  # bytes
_PAGE = 100  # entries asked for at a time
_ACCEPT = {"Accept": media_types.ACCEPT, "Accept-Encoding": "identity"}


class AcrDataPlane:
    """DataPlane over requests."""

    def __init__(self, entra: Callable[[], str], wire: Wire | None = None) -> None:
        """Take where Entra tokens for ACR's audience come from."""
        self._wire = wire or Wire(entra)

    def head(self, repository: Repository, reference: str | Digest) -> Descriptor | None:
        """Resolve a tag or digest by HEAD; by GET where the answer lacks digest, type or size."""
        call = Call("HEAD", repository, _manifest_path(repository, reference), headers=_ACCEPT)
        with self._wire.send(call) as response:
            if response.status_code == requests.codes.not_found:
                return None
            digest = response.headers.get("Docker-Content-Digest", "")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
            size = response.headers.get("Content-Length", "")
        try:
            found = Descriptor(kind, Digest(digest), int(size)) if kind and size else None
        except (InvalidDigest, ValueError):
            found = None
        if found is None:
            read = self.manifest(repository, reference)
            return Descriptor(read.media_type, read.digest, len(read.raw)) if read else None
        _expect(reference, found.digest, call.where)
        return found

    def manifest(self, repository: Repository, reference: str | Digest) -> Manifest | None:
        """Read a manifest of at most 4 MiB, checked against the digest asked for or answered."""
        call = Call("GET", repository, _manifest_path(repository, reference), headers=_ACCEPT)
        response = self._wire.send(call)
        if response.status_code == requests.codes.not_found:
            response.close()
            return None
        try:
            found = parse(
                body(response, _LARGEST_MANIFEST, call.where),
                response.headers.get("Content-Type", ""),
            )
        except InvalidManifest as error:
            message = f"{call.where}: {reference}: {error}"
            raise Permanent(message) from error
        _expect(reference, found.digest, call.where)
        answered = response.headers.get("Docker-Content-Digest") or str(found.digest)
        if answered != str(found.digest):
            message = f"{call.where}: the bytes are {found.digest}, the header says {answered[:80]}"
            raise Permanent(message)
        return found

    def blob(self, repository: Repository, digest: Digest, limit: int) -> bytes:
        """Read a blob, streamed and checked; redirects to storage go without the token."""
        call = Call("GET", repository, f"/v2/{repository.path}/blobs/{digest}")
        response = self._wire.send(call)
        if response.status_code == requests.codes.not_found:
            response.close()
            message = f"{repository}: there is no blob {digest}"
            raise Permanent(message)
        content = body(response, limit, f"{call.where} {digest}")
        if Digest.of(content) != digest:
            message = f"{repository}: the blob {digest} arrived as {Digest.of(content)}"
            raise Transient(message)
        return content

    def put_manifest(
        self, repository: Repository, reference: str | Digest, manifest: Manifest
    ) -> None:
        """PUT these very bytes; a digest reference must be theirs."""
        self._put(repository, reference, manifest)

    def attach(
        self,
        repository: Repository,
        subject: Descriptor,
        *,
        artifact_type: str,
        media_type: str,
        content: bytes,
        annotations: Mapping[str, str],
    ) -> Digest:
        """Push the blob, then the manifest that refers to the subject, by its digest."""
        return self.attach_layers(
            repository,
            subject,
            artifact_type=artifact_type,
            layers=(Layer(media_type, content),),
            annotations=annotations,
        )

    def attach_layers(
        self,
        repository: Repository,
        subject: Descriptor,
        *,
        artifact_type: str,
        layers: Sequence[Layer],
        annotations: Mapping[str, str],
    ) -> Digest:
        """Push the blobs, then the manifest that refers to the subject, by its digest."""
        manifest = artifacts.artifact(
            subject, artifact_type=artifact_type, layers=layers, annotations=annotations
        )
        for content in dict.fromkeys((artifacts.EMPTY, *(each.content for each in layers))):
            self._push_blob(repository, content)
        answered = self._put(repository, manifest.digest, manifest)
        if "OCI-Subject" not in answered:
            # No referrers API here (ACR with a customer-managed key): the client keeps the list.
            known = self.referrers(repository, subject.digest)
            index = artifacts.referrers_index(known, manifest)
            self._put(repository, artifacts.fallback_tag(subject.digest), index)
        return manifest.digest

    def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        """List referrers by the API, or from the fallback tag where there is none."""
        path = f"/v2/{repository.path}/referrers/{digest}"
        pages = list(self._pages(repository, path, "pull", {"Accept": media_types.OCI_INDEX}))
        try:
            if pages:
                listed = (parse(raw, media_types.OCI_INDEX).manifests for raw in pages)
                return tuple(each for page in listed for each in page)
            index = self.manifest(repository, artifacts.fallback_tag(digest))
        except InvalidManifest as error:
            message = f"{repository}: referrers of {digest}: {error}"
            raise Permanent(message) from error
        return index.manifests if index else ()

    def tag(self, repository: Repository, tag: str) -> TagEntry | None:
        """Read one tag with its locks."""
        path = _attributes_path(repository, tag)
        for page in self._objects(repository, path):
            return attributes.tag_entry(page.get("tag"), f"{repository}:{tag}")
        return None

    def tags(self, repository: Repository) -> Iterator[TagEntry]:
        """List tags with digests and locks, a page at a time."""
        for page in self._objects(repository, f"/acr/v1/{repository.path}/_tags?n={_PAGE}"):
            for each in page.get("tags") or ():
                yield attributes.tag_entry(each, f"{repository} (tags)")

    def manifest_entry(self, repository: Repository, digest: Digest) -> ManifestEntry | None:
        """Read one manifest's attributes."""
        for page in self._objects(repository, _attributes_path(repository, digest)):
            return attributes.manifest_entry(page.get("manifest"), repository.at(digest))
        return None

    def manifests(self, repository: Repository) -> Iterator[ManifestEntry]:
        """List manifests with their attributes, a page at a time."""
        for page in self._objects(repository, f"/acr/v1/{repository.path}/_manifests?n={_PAGE}"):
            for each in page.get("manifests") or ():
                yield attributes.manifest_entry(each, f"{repository} (manifests)")

    def lock(self, repository: Repository, reference: str | Digest, locks: Locks) -> None:
        """PATCH a tag's or a manifest's attributes. Raises Permanent when it is not there."""
        call = Call(
            "PATCH",
            repository,
            _attributes_path(repository, reference),
            action="metadata_write",
            headers={"Content-Type": "application/json"},
            content=json.dumps(attributes.locks_body(locks)).encode(),
        )
        with self._wire.send(call) as response:
            _found(response, f"{repository}: nothing to lock at {reference}")

    def _put(
        self, repository: Repository, reference: str | Digest, manifest: Manifest
    ) -> Mapping[str, str]:
        call = Call(
            "PUT",
            repository,
            _manifest_path(repository, reference),
            action="push",
            headers={"Content-Type": manifest.media_type},
            content=manifest.raw,
        )
        _expect(reference, manifest.digest, call.where)
        with self._wire.send(call) as response:
            _found(response, f"{repository}: PUT of {reference} was answered 404")
            return response.headers

    def _push_blob(self, repository: Repository, content: bytes) -> None:
        digest = Digest.of(content)
        known = Call("HEAD", repository, f"/v2/{repository.path}/blobs/{digest}", action="push")
        with self._wire.send(known) as response:
            if response.ok:
                return
        path = f"/v2/{repository.path}/blobs/uploads/"
        with self._wire.send(Call("POST", repository, path, "push", content=b"")) as response:
            _found(response, f"{repository}: no upload was opened")
            base = f"https://{repository.registry}/"
            target = _own(urljoin(urljoin(base, path), response.headers.get("Location", "")), base)
        target += f"{'&' if '?' in target else '?'}digest={quote(str(digest), safe='')}"
        headers = {"Content-Type": "application/octet-stream"}
        upload = Call("PUT", repository, target, "push", headers=headers, content=content)
        with self._wire.send(upload) as response:
            _found(response, f"{repository}: the upload of {digest} was gone")

    def _objects(self, repository: Repository, path: str) -> Iterator[dict[str, Any]]:
        """Read /acr/v1 pages as JSON objects; none if the thing is not there."""
        for raw in self._pages(repository, path, "metadata_read", {}):
            try:
                page = json.loads(raw)
            except (ValueError, RecursionError):
                page = None
            if not isinstance(page, dict):
                message = f"{repository}: {path}: expected a JSON object, found {raw[:60]!r}"
                raise Permanent(message)
            yield page

    def _pages(
        self, repository: Repository, path: str, action: str, headers: Mapping[str, str]
    ) -> Iterator[bytes]:
        base = f"https://{repository.registry}/"
        while path:
            call = Call("GET", repository, path, action, headers=headers)
            response = self._wire.send(call)
            if response.status_code == requests.codes.not_found:
                response.close()
                return
            yield body(response, _LARGEST_PAGE, call.where)
            following = attributes.next_page(response.headers)
            path = _own(urljoin(urljoin(base, path), following), base) if following else ""


def _own(url: str, base: str) -> str:
    """Return the path of a URL the registry named, which must be on its own host."""
    parts = urlsplit(url)
    if (parts.scheme, parts.netloc.lower()) != ("https", urlsplit(base).netloc.lower()):
        message = f"{base}: it points at {parts.scheme}://{parts.netloc[:100]}, not at itself"
        raise Permanent(message)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _manifest_path(repository: Repository, reference: str | Digest) -> str:
    return f"/v2/{repository.path}/manifests/{_checked(reference)}"


def _attributes_path(repository: Repository, reference: str | Digest) -> str:
    kind = "_manifests" if isinstance(reference, Digest) else "_tags"
    return f"/acr/v1/{repository.path}/{kind}/{_checked(reference)}"


def _checked(reference: str | Digest) -> str:
    if isinstance(reference, str) and not is_tag(reference):
        message = f"expected a tag, found {reference[:140]!r}"
        raise Permanent(message)
    return str(reference)


def _expect(reference: str | Digest, found: Digest, where: str) -> None:
    if isinstance(reference, Digest) and reference != found:
        message = f"{where}: expected {reference}, found {found}"
        raise Permanent(message)


def _found(response: requests.Response, otherwise: str) -> None:
    if response.status_code == requests.codes.not_found:
        raise Permanent(otherwise)
