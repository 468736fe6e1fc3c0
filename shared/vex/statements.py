"""What a VEX document says: of which vulnerabilities, in which images and packages, whether they matter."""

from dataclasses import dataclass
from datetime import datetime

from shared.oci.digest import Digest
from shared.oci.platform import Platform


class InvalidVex(ValueError):
    """The bytes are no VEX document that can be trusted to be whole; never to be read in part."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package inside an image, named as reports name it; `version` is "" for any."""

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """An image: its `repository` (`host/path`), or where none is given its `name`.

    A `digest` and a `platform` narrow it to that manifest, `packages` to those packages.
    """

    name: str
    repository: str = ""
    digest: Digest | None = None
    platform: Platform | None = None
    packages: tuple[Package, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: `ids` are a vulnerability's name and aliases; it `excuses` them, or takes that back.

    `source` is the document's file, `at` when it was made (UTC), None where nothing says so.
    """

    ids: tuple[str, ...]
    excuses: bool
    reason: str
    author: str
    source: str
    products: tuple[Product, ...]
    at: datetime | None = None
