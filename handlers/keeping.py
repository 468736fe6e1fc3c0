"""Keeping what a stable tag of base holds: its unique tag, and the locks that protect it."""

from shared.errors import Transient
from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy import promotion
from shared.policy.promotion import UNIQUE_TAG_LOCKS, Collision, Held, Lock, TagHeld
from shared.services import Services

_MOST_STEPS = 4  # tag, lock, see that it is so; and one more


def held(services: Services, base: Repository, tag: str, digest: Digest) -> Held:
    """Read what keeps the digest that this stable tag holds; its manifests only where that matters."""
    plane = services.data_plane
    found = plane.tag(base, unique_tag(tag, digest))
    if found is None:
        return Held(digest)
    unique = (found.digest, found.locks)
    if found.digest != digest or found.locks == UNIQUE_TAG_LOCKS:
        return Held(digest, unique)
    children = (each.digest for each in _manifest(services, base, digest).manifests)
    entries = (plane.manifest_entry(base, each) for each in (digest, *children))
    return Held(digest, unique, {each.digest: each.locks for each in entries if each is not None})


def apply(services: Services, base: Repository, step: TagHeld | Lock) -> None:
    """Take one step; twice is harmless."""
    match step:
        case TagHeld(tag, digest):
            services.data_plane.put_manifest(base, tag, _manifest(services, base, digest))
        case Lock(wanted):
            for reference, locks in wanted.items():
                services.data_plane.lock(base, reference, locks)


def keep(services: Services, base: Repository, tag: str, digest: Digest) -> str:
    """Keep what the stable tag holds; return why it cannot be, or ""."""
    for _ in range(_MOST_STEPS):
        step = promotion.keep(tag, held(services, base, tag, digest))
        match step:
            case None:
                return ""
            case Collision(reason):
                return reason
            case _:
                apply(services, base, step)
    message = f"{base} does not show the locks of {unique_tag(tag, digest)} at the moment"
    raise Transient(message)


def _manifest(services: Services, base: Repository, digest: Digest) -> Manifest:
    found = services.data_plane.manifest(base, digest)
    if found is None:
        message = f"{base} does not show {digest} at the moment"
        raise Transient(message)
    return found
