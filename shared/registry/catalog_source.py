"""The catalog and the files it names: from a folder, or from beside a URL."""

from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import requests

from shared.errors import Misconfigured, Transient

_LARGEST = 5 * 1024 * 1024  # bytes of one file; a test's context is no larger (docs: the gate)
_TIMEOUT = (5.0, 10.0)  # seconds to connect, seconds between two bytes
_SERVER_ERROR = 500


class CatalogFiles:
    """CatalogSource for `file:///…`, `https://…`, or, without a URL, a file beside the app."""

    def __init__(self, url: str, beside: Path) -> None:
        """Take CATALOG_URL and the app's folder."""
        parts = urlsplit(url)
        self._remote = url if parts.scheme == "https" else ""
        path = Path(unquote(parts.path)) if url else beside / "catalog.yaml"
        self._folder, self._name = path.parent, path.name
        # A SAS token in the query is a secret: the place shown never has it.
        self._place = urlunsplit(parts._replace(query="")) if self._remote else str(path)

    def catalog(self) -> tuple[str, str]:
        """Return the place and the text. Raises Misconfigured."""
        content = self._fetch(self._name)
        try:
            return self._place, content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            message = f"{self._place}: expected UTF-8 text, found {error.reason} at {error.start}"
            raise Misconfigured(message) from error

    def file(self, path: str) -> bytes:
        """Read a file beside the catalog or below. Raises Misconfigured."""
        parts = PurePosixPath(path).parts
        outside = path.startswith("/") or ".." in parts or "\\" in path or not path.isprintable()
        if outside or not parts:
            message = f"{self._place}: expected a path below the catalog's folder, found {path!r}"
            raise Misconfigured(message)
        return self._fetch("/".join(parts))

    def _fetch(self, name: str) -> bytes:
        return self._download(name) if self._remote else self._read(name)

    def _read(self, name: str) -> bytes:
        try:
            path = (self._folder / name).resolve(strict=True)
            if not path.is_relative_to(self._folder.resolve()):
                message = f"{self._place}: {name} leads out of the catalog's folder"
                raise Misconfigured(message)
            if path.stat().st_size > _LARGEST:
                message = f"{path}: expected at most {_LARGEST} bytes, found {path.stat().st_size}"
                raise Misconfigured(message)
            return path.read_bytes()
        except OSError as error:
            message = f"{self._folder / name}: expected a file, found: {error.strerror}"
            raise Misconfigured(message) from error

    def _download(self, name: str) -> bytes:
        parts = urlsplit(self._remote)
        path = f"{parts.path.rpartition('/')[0]}/{quote(name)}"
        shown = urlunsplit(parts._replace(path=path, query=""))
        content = bytearray()
        try:
            with requests.get(
                urlunsplit(parts._replace(path=path)),
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code >= _SERVER_ERROR:
                    message = f"{shown}: HTTP {response.status_code}"
                    raise Transient(message)
                if response.status_code != requests.codes.ok:
                    message = f"{shown}: expected HTTP 200, found {response.status_code}"
                    raise Misconfigured(message)
                for piece in response.iter_content(64 * 1024):
                    content += piece
                    if len(content) > _LARGEST:
                        message = f"{shown}: expected at most {_LARGEST} bytes, found more"
                        raise Misconfigured(message)
        except requests.RequestException as error:
            message = f"{shown}: no answer ({type(error).__name__})"
            raise Transient(message) from None  # the cause's text has the URL, with its signature
        return bytes(content)
