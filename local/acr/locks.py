"""Which lock forbids what (ACR docs, container-registry-image-lock); pure checks that raise."""

from local.acr.errors import disallowed
from local.acr.records import Attributes, RepositoryRecord


def check_read(attributes: Attributes, place: str) -> None:
    """Refuse a pull of what is read-locked. Raises RegistryError."""
    if not attributes.read:
        raise disallowed(place, "readEnabled")


def check_write(attributes: Attributes, place: str) -> None:
    """Refuse a push over what is write-locked. Raises RegistryError."""
    if not attributes.write:
        raise disallowed(place, "writeEnabled")


def check_delete(attributes: Attributes, place: str) -> None:
    """Refuse a deletion: either lock forbids it. Raises RegistryError."""
    if not attributes.delete:
        raise disallowed(place, "deleteEnabled")
    check_write(attributes, place)


def check_push(
    repository: RepositoryRecord,
    *,
    tag: str,
    digest: str,
    subject: str,
    strict: bool,
) -> None:
    """Refuse a push into a locked repository or over a locked tag. Raises RegistryError.

    Tag and manifest are locked apart. `strict` is the reading in which a write-locked manifest
    takes no further tag and no further referrer; Azure documents neither reading.
    """
    check_write(repository.attributes, f"repository {repository.name}")
    held = repository.tags.get(tag)
    if held is not None:
        check_write(held.attributes, f"tag {repository.name}:{tag}")
    if not strict:
        return
    if tag and digest in repository.manifests:
        check_write(repository.manifests[digest].attributes, f"manifest {digest}")
    if subject in repository.manifests:
        check_write(repository.manifests[subject].attributes, f"manifest {subject}")
