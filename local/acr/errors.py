"""Every refusal of the data plane: a status, a code of distribution-spec or ACR, a sentence."""

from collections.abc import Mapping
from typing import Any

DISALLOWED = "REGISTRY_DISALLOWED_OPERATION"


class RegistryError(Exception):
    """A refusal as the data plane words it; `body()` is OCI's error document."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the HTTP status, the code, the sentence, and what else the answer carries."""
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON (distribution-spec 1.1, "Error Codes")."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail is not None:
            error["detail"] = self.detail
        return {"errors": [error]}


def disallowed(place: str, flag: str) -> RegistryError:
    """Return the refusal of a lock: `place` has `flag` set to false."""
    message = (
        "The operation is disallowed on this registry, repository or image: "
        f"{place} has {flag}=false."
    )
    return RegistryError(405, DISALLOWED, message, detail={"place": place, "flag": flag})


def name_invalid(name: str) -> RegistryError:
    """Return the refusal of a repository name outside OCI's grammar."""
    return RegistryError(400, "NAME_INVALID", f"invalid repository name {name[:100]!r}")


def name_unknown(name: str) -> RegistryError:
    """Return the answer where there is no such repository."""
    message = f"repository {name!r} is not known to this registry"
    return RegistryError(404, "NAME_UNKNOWN", message, detail={"name": name})


def manifest_unknown(repo: str, reference: str) -> RegistryError:
    """Return the answer where there is no such manifest."""
    message = f"manifest {reference!r} is not found in {repo!r}"
    return RegistryError(404, "MANIFEST_UNKNOWN", message, detail={"name": repo, "ref": reference})


def manifest_invalid(reason: str) -> RegistryError:
    """Return the refusal of bytes that are no manifest this registry takes."""
    return RegistryError(400, "MANIFEST_INVALID", f"manifest invalid: {reason}")


def manifest_blob_unknown(digests: tuple[str, ...]) -> RegistryError:
    """Return the refusal of a manifest that names content the repository does not hold."""
    message = f"the manifest references content that was not pushed: {', '.join(digests)}"
    return RegistryError(400, "MANIFEST_BLOB_UNKNOWN", message, detail={"digests": list(digests)})


def too_large(limit: int) -> RegistryError:
    """Return the refusal of a manifest larger than `limit` bytes."""
    return RegistryError(413, "SIZE_INVALID", f"a manifest has at most {limit} bytes")


def digest_invalid(expected: str, found: str) -> RegistryError:
    """Return the refusal of content whose digest is not the one the client named."""
    message = f"the digest {expected[:100]!r} does not match the content, whose digest is {found}"
    return RegistryError(400, "DIGEST_INVALID", message)


def tag_invalid(tag: str) -> RegistryError:
    """Return the refusal of a reference that is neither digest nor tag in OCI's grammar."""
    return RegistryError(400, "TAG_INVALID", f"invalid tag {tag[:140]!r}")


def tag_unknown(repo: str, tag: str) -> RegistryError:
    """Return the answer where there is no such tag."""
    message = f"tag {tag!r} is not found in {repo!r}"
    return RegistryError(404, "TAG_UNKNOWN", message, detail={"name": repo, "tag": tag})


def blob_unknown(digest: str) -> RegistryError:
    """Return the answer where the repository does not hold this blob."""
    return RegistryError(404, "BLOB_UNKNOWN", f"blob {digest[:100]!r} is not in this repository")


def upload_unknown(upload: str) -> RegistryError:
    """Return the answer where there is no such upload; it may be finished or cancelled."""
    return RegistryError(404, "BLOB_UPLOAD_UNKNOWN", f"there is no upload {upload[:100]!r}")


def parameter_invalid(name: str, expected: str, found: str) -> RegistryError:
    """Return the refusal of a parameter or field that the operation does not take."""
    message = f"{name}: expected {expected}, found {found[:100]!r}"
    return RegistryError(400, "UNSUPPORTED", message)


def too_many(what: str, seconds: int) -> RegistryError:
    """Return the refusal of one request too many; the client may come back after `seconds`."""
    return RegistryError(
        429,
        "TOOMANYREQUESTS",
        f"too many {what} requests of this identity",
        headers={"Retry-After": str(seconds)},
    )
