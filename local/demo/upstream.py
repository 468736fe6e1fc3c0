"""What the public registry ships in the story: node:9-alpine, in colours, with good and bad packages."""

import json
from dataclasses import dataclass, replace

from local.acr.registry import Registry
from local.images import ApkPackage, Built, image, push
from shared.oci.digest import Digest

REPOSITORY = "library/node"
TAG = "9-alpine"

_COMMON = (
    ApkPackage("musl", "1.2.4_git20230717-r4"),
    ApkPackage("busybox", "1.36.1-r19"),
    ApkPackage("zlib", "1.3.1-r0"),
)
# openssl of Alpine 3.19: CVE-2024-5535 is critical, and fixed in 3.1.6-r0; what 3.1.7-r1 still has is medium.
OPENSSL = "3.1.7-r1"
VULNERABLE_OPENSSL = "3.1.5-r0"
FIXED_OPENSSL = "3.1.8-r0"
FINDING = "CVE-2024-5535"


@dataclass(frozen=True, slots=True)
class Node:
    """One build of node:9-alpine; `salt` gives an otherwise equal one another index, of the same platforms."""

    colour: str
    openssl: str = OPENSSL
    salt: str = ""

    def built(self) -> Built:
        """Return the image: two platforms, the same bytes every time."""
        packages = tuple(
            ApkPackage(name, self.openssl, "openssl") for name in ("libcrypto3", "libssl3")
        )
        built = image(
            env={"BACKGROUND_COLOR": self.colour, "NODE_VERSION": "9.11.2"},
            apk=(*_COMMON, *packages),
            cmd=("sh", "-c", "echo node $NODE_VERSION"),
            labels={"org.opencontainers.image.title": "node"},
        )
        if not self.salt:
            return built
        index = json.loads(built.index) | {"annotations": {"salt": self.salt}}
        return replace(built, index=json.dumps(index).encode())


def ship(registry: Registry, node: Node, repository: str = REPOSITORY) -> Digest:
    """Push a build to the public registry under its tag; return its digest."""
    return push(node.built(), registry, repository, TAG)
