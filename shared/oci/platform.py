"""The platform an image runs on, as OCI names it."""

import re
from dataclasses import dataclass

_PLATFORM = re.compile(
    r"(?P<os>[a-z0-9]{1,20})/(?P<architecture>[a-z0-9_-]{1,20})(?:/(?P<variant>v?[0-9]{1,2}))?"
)
# What container engines fold together before they choose from an index (containerd/platforms,
# database.go); who folds less would scan one manifest while an engine pulls another.
_SYSTEMS = {"macos": "darwin"}
_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "i386": ("386", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_SAME = {("amd64", "v1"): "", ("arm64", "v8"): "", ("arm", ""): "v7"}


class InvalidPlatform(ValueError):
    """The text is not `os/architecture[/variant]`."""


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """`linux/amd64`, `linux/arm/v7` (image-spec, image-index.md, "platform")."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """Parse `os/architecture[/variant]` in any case, folding what engines take for the same.

        Raises InvalidPlatform.
        """
        match = _PLATFORM.fullmatch(text.lower())
        if not match:
            message = f"expected a platform like linux/amd64, found {text[:100]!r}"
            raise InvalidPlatform(message)
        system = _SYSTEMS.get(match["os"], match["os"])
        written = match["variant"] or ""
        variant = f"v{written.removeprefix('v')}" if written else ""
        architecture = match["architecture"]
        architecture, variant = _ARCHITECTURES.get(architecture, (architecture, variant))
        return cls(system, architecture, _SAME.get((architecture, variant), variant))

    @property
    def slug(self) -> str:
        """The platform as a table key: `linux-amd64`."""
        return str(self).replace("/", "-")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)
