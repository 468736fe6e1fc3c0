"""Something to watch: the image of the demo's story in the upstream registry, and a catalog that names it."""

import re
import shutil
from pathlib import Path

from local import images
from local.acr.registry import Registry
from local.images import ApkPackage
from local.platform.ports import Ports
from local.platform.principals import registry_ports
from shared.oci.digest import Digest

# What Alpine 3.19 shipped, by its own version numbers.
_PACKAGES = (
    ApkPackage("musl", "1.2.4_git20230717-r4", license="MIT"),
    ApkPackage("busybox", "1.36.1-r15", license="GPL-2.0-only"),
    ApkPackage("zlib", "1.3.1-r0", license="Zlib"),
    ApkPackage("libssl3", "3.1.4-r5", "openssl"),
    ApkPackage("libcrypto3", "3.1.4-r5", "openssl"),
)


def node_image(upstream: Registry, color: str = "white") -> Digest:
    """Push `library/node:9-alpine` of this background colour; return its digest."""
    built = images.image(apk=_PACKAGES, env={"NODE_VERSION": "9.11.2", "BACKGROUND_COLOR": color})
    return images.push(built, upstream, "library/node", "9-alpine")


def catalog(app: Path, work: Path, ports: Ports) -> str | None:
    """Return the app's catalog with these ports in it; None where the app's own one fits as it is.

    The tests it names are copied beside it, into the work folder.
    """
    usual, chosen = registry_ports(Ports()), registry_ports(ports)
    moved = {str(usual[name]): str(chosen[name]) for name in usual if usual[name] != chosen[name]}
    file = app / "catalog.yaml"
    if not moved or not file.is_file():
        return None
    tests = app / "image-tests"
    if tests.is_dir():
        shutil.copytree(tests, work / tests.name, dirs_exist_ok=True)
    return re.sub(
        r"(?<=\blocalhost:)[0-9]+",
        lambda port: moved.get(port[0], port[0]),
        file.read_text("utf-8"),
    )
