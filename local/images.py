"""Small OCI images made on the spot, without docker: the same bytes in, the same digests out."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from local.image_packages import ApkPackage, DpkgPackage, database
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.platform import Platform

if TYPE_CHECKING:
    from local.acr.registry import Registry

__all__ = ["ApkPackage", "Built", "DpkgPackage", "host_busybox", "image", "push"]

BUSYBOX = Path("/bin/busybox")
CREATED = "2024-01-01T00:00:00Z"
_MTIME = 1704067200  # the same moment, in seconds
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_APPLETS = """
    [ ash awk base64 basename cat chmod chown cp cut date dd df dirname du echo env expr false find
    grep gunzip gzip head hostname httpd id kill ln ls md5sum mkdir mktemp mv nc nproc od printf ps
    pwd readlink rm rmdir sed seq sh sha256sum sleep sort stat sync tail tar tee test timeout touch
    tr true uname uniq uptime wc wget which whoami xargs yes
"""
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUP = b"root:x:0:\nnobody:x:65534:\n"


@dataclass(frozen=True, slots=True)
class Built:
    """An image: its index, its manifests by platform, its blobs by digest; all exact bytes."""

    index: bytes
    manifests: Mapping[str, bytes]
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> Digest:
        """The index's digest."""
        return Digest.of(self.index)

    def platform_digest(self, platform: str) -> Digest:
        """Return the digest of one platform's manifest."""
        return Digest.of(self.manifests[platform])


def host_busybox() -> bytes:
    """Read the host's static busybox. Raises FileNotFoundError or ValueError, saying what to install."""
    if not BUSYBOX.exists():
        message = f"expected a static busybox at {BUSYBOX}, found none: install busybox-static"
        raise FileNotFoundError(message)
    content = BUSYBOX.read_bytes()
    if _is_dynamic(content):
        message = (
            f"{BUSYBOX} needs shared libraries, and the images have none: install busybox-static"
        )
        raise ValueError(message)
    return content


def _is_dynamic(content: bytes) -> bool:
    """Tell whether a 64-bit little-endian ELF file asks for an interpreter (PT_INTERP, ELF spec)."""
    if content[:6] != b"\x7fELF\x02\x01":
        return False
    first = int.from_bytes(content[32:40], "little")
    size = int.from_bytes(content[54:56], "little")
    count = int.from_bytes(content[56:58], "little")
    headers = (content[first + size * number :][:4] for number in range(count))
    return any(int.from_bytes(kind, "little") == 3 for kind in headers)  # noqa: PLR2004 - PT_INTERP


def image(
    *,
    platforms: Sequence[str] = ("linux/amd64", "linux/arm64"),
    files: Mapping[str, bytes] | None = None,
    env: Mapping[str, str] | None = None,
    apk: Sequence[ApkPackage] = (),
    dpkg: Sequence[DpkgPackage] = (),
    cmd: Sequence[str] = ("sh",),
    labels: Mapping[str, str] | None = None,
    working_dir: str = "/",
    busybox: bytes | None = None,
) -> Built:
    """Build an image of these platforms: Alpine with `apk` packages, or Debian with `dpkg` ones.

    `files` maps absolute paths to content, in a layer of their own. Without `busybox` the host's is
    taken, for every platform: only the host's own platform can run it. Raises ValueError.
    """
    settings = {
        "Env": [f"{name}={value}" for name, value in _environment(env or {}).items()],
        "Cmd": list(cmd),
        "WorkingDir": working_dir,
        "Labels": dict(sorted((labels or {}).items())),
    }
    base = _base(busybox if busybox is not None else host_busybox())
    manifests: dict[str, bytes] = {}
    blobs: dict[str, bytes] = {}
    for name in platforms:
        platform = Platform.parse(name)
        layers = [base, _layer(database(platform, apk, dpkg))]
        layers += [_layer(files)] if files else []
        manifest, held = _manifest(platform, settings, layers)
        manifests[name] = manifest
        blobs |= held
    return Built(_index(manifests), manifests, blobs)


def push(built: Built, registry: "Registry", repo: str, tag: str) -> Digest:
    """Push as a client would: blobs, each platform's manifest by digest, the index under its tag."""
    for blob in built.blobs.values():
        registry.put_blob(repo, blob)
    for raw in built.manifests.values():
        registry.put_manifest(repo, str(Digest.of(raw)), media_types.OCI_MANIFEST, raw)
    return registry.put_manifest(repo, tag, media_types.OCI_INDEX, built.index)


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} | dict(
        sorted(env.items())
    )


def _base(busybox: bytes) -> bytes:
    """Return the layer that every image shares: busybox, its names, users, a place to write."""
    files = {"/bin/busybox": busybox, "/etc/passwd": _PASSWD, "/etc/group": _GROUP}
    links = {f"/bin/{name}": "busybox" for name in _APPLETS.split()}
    folders = {"/tmp": 0o1777, "/root": 0o700, "/proc": 0o555, "/sys": 0o555, "/dev": 0o755}  # noqa: S108 - inside the image
    return _layer(files, links=links, folders=folders)


def _layer(
    files: Mapping[str, bytes],
    *,
    links: Mapping[str, str] | None = None,
    folders: Mapping[str, int] | None = None,
) -> bytes:
    """Return an uncompressed tar with every parent folder, sorted by path."""
    links, folders = links or {}, folders or {}
    members: dict[str, tarfile.TarInfo] = {}
    for path in (*files, *links, *folders):
        for parent in list(PurePosixPath(path).parents)[:-1]:
            members.setdefault(str(parent), _member(str(parent), tarfile.DIRTYPE, 0o755))
    members |= {path: _member(path, tarfile.DIRTYPE, mode) for path, mode in folders.items()}
    members |= {path: _link(path, target) for path, target in links.items()}
    members |= {path: _file(path, content) for path, content in files.items()}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(members):
            tar.addfile(members[path], io.BytesIO(files.get(path, b"")))
    return archive.getvalue()


def _link(path: str, target: str) -> tarfile.TarInfo:
    member = _member(path, tarfile.SYMTYPE, 0o777)
    member.linkname = target
    return member


def _file(path: str, content: bytes) -> tarfile.TarInfo:
    executable = content.startswith((b"#!", b"\x7fELF"))
    member = _member(path, tarfile.REGTYPE, 0o755 if executable else 0o644)
    member.size = len(content)
    return member


def _member(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path.removeprefix("/"))
    member.type, member.mode, member.mtime = kind, mode, _MTIME
    return member


def _manifest(
    platform: Platform, settings: Mapping[str, object], layers: Sequence[bytes]
) -> tuple[bytes, dict[str, bytes]]:
    packed = [_gzip(layer) for layer in layers]
    config = _json(
        {
            "created": CREATED,
            "architecture": platform.architecture,
            "os": platform.os,
            **({"variant": platform.variant} if platform.variant else {}),
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer)) for layer in layers]},
            "history": [{"created": CREATED, "created_by": "breakwater"} for _ in layers],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer) for layer in packed],
        }
    )
    return manifest, {str(Digest.of(content)): content for content in (config, *packed)}


@lru_cache(maxsize=4)  # the shared layer is most of an image, and of the time it takes
def _gzip(layer: bytes) -> bytes:
    return gzip.compress(layer, compresslevel=6, mtime=0)


def _index(manifests: Mapping[str, bytes]) -> bytes:
    entries = []
    for name, raw in manifests.items():
        platform = Platform.parse(name)
        machine = {"architecture": platform.architecture, "os": platform.os}
        machine |= {"variant": platform.variant} if platform.variant else {}
        entries.append(_descriptor(media_types.OCI_MANIFEST, raw) | {"platform": machine})
    return _json({"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": entries})


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
