"""Package databases as apk and dpkg keep them, for images that were never installed."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from shared.oci.platform import Platform

_ALPINE = b"""NAME="Alpine Linux"
ID=alpine
VERSION_ID=3.19.1
PRETTY_NAME="Alpine Linux v3.19"
HOME_URL="https://alpinelinux.org/"
"""
_DEBIAN = b"""PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
"""
_APK_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7", "386": "x86"}
_DPKG_ARCHITECTURES = {"arm": "armhf", "386": "i386"}  # the others are named alike


@dataclass(frozen=True, slots=True)
class ApkPackage:
    """An Alpine package; `origin` is its source package, its own name if empty."""

    name: str
    version: str
    origin: str = ""
    license: str = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class DpkgPackage:
    """A Debian package; `source` is its source package, its own name if empty."""

    name: str
    version: str
    source: str = ""


def database(
    platform: Platform, apk: Sequence[ApkPackage], dpkg: Sequence[DpkgPackage]
) -> dict[str, bytes]:
    """Return os-release and the package database by path; Alpine's unless there are Debian packages.

    Raises ValueError if both kinds are given.
    """
    if apk and dpkg:
        message = f"expected apk or dpkg packages, found {len(apk)} and {len(dpkg)}"
        raise ValueError(message)
    if dpkg:
        architecture = _DPKG_ARCHITECTURES.get(platform.architecture, platform.architecture)
        status = "".join(_dpkg_record(package, architecture) for package in dpkg)
        return {"/etc/os-release": _DEBIAN, "/var/lib/dpkg/status": status.encode()}
    architecture = _APK_ARCHITECTURES.get(platform.architecture, platform.architecture)
    installed = "".join(_apk_record(package, architecture) for package in apk)
    return {
        "/etc/os-release": _ALPINE,
        "/etc/alpine-release": b"3.19.1\n",
        "/lib/apk/db/installed": installed.encode(),
    }


def _apk_record(package: ApkPackage, architecture: str) -> str:
    """Return one record of apk's installed database (Alpine wiki, "Apk spec")."""
    checksum = hashlib.sha1(f"{package.name}-{package.version}".encode(), usedforsecurity=False)
    fields = {
        "C": f"Q1{base64.b64encode(checksum.digest()).decode()}",
        "P": package.name,
        "V": package.version,
        "A": architecture,
        "S": "1024",
        "I": "4096",
        "T": package.name,
        "U": "https://alpinelinux.org/",
        "L": package.license,
        "o": package.origin or package.name,
        "m": "Breakwater <breakwater@example.com>",
        "t": "1704067200",
    }
    return "".join(f"{key}:{value}\n" for key, value in fields.items()) + "\n"


def _dpkg_record(package: DpkgPackage, architecture: str) -> str:
    """Return one paragraph of dpkg's status file (deb-control(5))."""
    source = f"Source: {package.source}\n" if package.source not in ("", package.name) else ""
    return (
        f"Package: {package.name}\n"
        "Status: install ok installed\n"
        "Priority: optional\n"
        "Section: misc\n"
        "Installed-Size: 4\n"
        "Maintainer: Breakwater <breakwater@example.com>\n"
        f"Architecture: {architecture}\n"
        f"{source}"
        f"Version: {package.version}\n"
        f"Description: {package.name}\n"
        "\n"
    )
