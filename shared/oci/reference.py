"""Where an image lives: a registry's host, a repository in it, a namespace over it."""

import re
from dataclasses import dataclass

from shared.oci.digest import Digest

# distribution-spec 1.1, "Pulling manifests": the grammar of <name> and of <reference> as a tag.
_PATH = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
    r"(?::[0-9]{1,5})?"
)
_LONGEST_PATH = 255  # distribution-spec: many clients limit host + "/" + name to 255 characters


class InvalidReference(ValueError):
    """The text is not a repository or tag in OCI's grammar."""


def is_tag(text: str) -> bool:
    """Tell whether the text is a tag in OCI's grammar."""
    return bool(_TAG.fullmatch(text))


def is_host(text: str) -> bool:
    """Tell whether the text is a host name with an optional port."""
    return bool(_HOST.fullmatch(text))


def is_path(text: str) -> bool:
    """Tell whether the text is a repository path in OCI's grammar."""
    return len(text) <= _LONGEST_PATH and bool(_PATH.fullmatch(text))


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """One repository of one registry: `docker.io` and `library/node`."""

    registry: str
    path: str

    def __post_init__(self) -> None:
        if not is_host(self.registry):
            message = f"expected a registry host like docker.io, found {self.registry[:100]!r}"
            raise InvalidReference(message)
        if not is_path(self.path):
            message = f"expected a repository like library/node, found {self.path[:100]!r}"
            raise InvalidReference(message)

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """Parse `host/path`; the host is always written out, so nothing is guessed.

        Raises InvalidReference.
        """
        host, slash, path = text.partition("/")
        if not slash or ("." not in host and ":" not in host and host != "localhost"):
            message = f"expected host/repository like docker.io/library/node, found {text[:100]!r}"
            raise InvalidReference(message)
        return cls(
            host.lower(), path
        )  # host names know no case; one spelling makes equal things equal

    def at(self, digest: Digest) -> str:
        """Return `host/path@digest`."""
        return f"{self.registry}/{self.path}@{digest}"

    def tagged(self, tag: str) -> str:
        """Return `host/path:tag`."""
        return f"{self.registry}/{self.path}:{tag}"

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True, slots=True, order=True)
class Namespace:
    """A registry, or a path prefix inside one: `contoso.azurecr.io/staging`."""

    registry: str
    prefix: str = ""

    def __post_init__(self) -> None:
        if not is_host(self.registry):
            message = (
                f"expected a registry host like contoso.azurecr.io, found {self.registry[:100]!r}"
            )
            raise InvalidReference(message)
        if self.prefix and not is_path(self.prefix):
            message = f"expected a repository prefix like staging, found {self.prefix[:100]!r}"
            raise InvalidReference(message)

    @classmethod
    def parse(cls, text: str) -> "Namespace":
        """Parse `host` or `host/prefix`. Raises InvalidReference."""
        host, slash, prefix = text.partition("/")
        if slash and not prefix:
            message = f"expected a repository prefix after the slash, found {text[:100]!r}"
            raise InvalidReference(message)
        return cls(host.lower(), prefix)

    def repository(self, name: str) -> Repository:
        """Return the repository of this name under the prefix."""
        return Repository(self.registry, f"{self.prefix}/{name}" if self.prefix else name)

    def name_of(self, path: str) -> str | None:
        """Return the name a repository path has under the prefix, or None outside it."""
        if not self.prefix:
            return path
        inside = path.removeprefix(f"{self.prefix}/")
        return inside if inside != path else None

    def __str__(self) -> str:
        return f"{self.registry}/{self.prefix}" if self.prefix else self.registry
