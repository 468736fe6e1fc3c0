"""CatalogSource: one suite over the fake, a folder and a URL."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web

from shared.errors import Misconfigured, Transient
from shared.ports import CatalogSource
from shared.registry.catalog_source import CatalogFiles
from tests.contract.serving import ca_path, serve
from tests.fakes import FakeCatalog

TEXT = "staging: contosostaging.azurecr.io  # ü\n"
SCRIPT = b"test $BACKGROUND_COLOR = white\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "app folder"
    (app / "tests").mkdir(parents=True)
    (app / "catalog.yaml").write_text(TEXT)
    (app / "tests" / "node 1.sh").write_bytes(SCRIPT)
    (tmp_path / "secret").write_bytes(b"secret")
    (app / "link").symlink_to(tmp_path / "secret")
    return app


@pytest.fixture
def url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))

    async def get(request: web.Request) -> web.StreamResponse:
        if request.query.get("sig") != "a+b/c=":
            return web.Response(status=403)
        found = folder / request.match_info["path"]
        return web.FileResponse(found) if found.is_file() else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/c/{path:.*}", get)
    with serve(app) as base:
        yield f"{base}/c/catalog.yaml?sig={quote('a+b/c=', safe='')}"


@pytest.fixture(params=["fake", "beside the app", "file", "https"])
def source(request, folder: Path) -> CatalogSource:
    made: dict[str, Callable[[], CatalogSource]] = {
        "fake": lambda: FakeCatalog(TEXT, {"tests/node 1.sh": SCRIPT}),
        "beside the app": lambda: CatalogFiles("", folder),
        "file": lambda: CatalogFiles((folder / "catalog.yaml").as_uri(), Path("/nowhere")),
        "https": lambda: CatalogFiles(request.getfixturevalue("url"), Path("/nowhere")),
    }
    return made[request.param]()


def test_the_catalog_has_a_place_and_a_text(source: CatalogSource):
    place, text = source.catalog()
    assert place.endswith("catalog.yaml")
    assert text == TEXT


def test_a_file_the_catalog_names_is_read(source: CatalogSource):
    assert source.file("tests/node 1.sh") == SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/etc/passwd",
        "../secret",
        "tests/../../secret",
        "tests\\x",
        "gone",
        "tests",
        "a\nb",
    ],
)
def test_nothing_else_is(source: CatalogSource, path: str):
    with pytest.raises(Misconfigured):
        source.file(path)


def test_a_link_out_of_the_folder_is_not_followed(folder: Path):
    with pytest.raises(Misconfigured, match="leads out"):
        CatalogFiles("", folder).file("link")


def test_a_catalog_that_is_not_there_says_where(tmp_path: Path):
    with pytest.raises(Misconfigured, match=r"catalog\.yaml: expected a file"):
        CatalogFiles("", tmp_path).catalog()


def test_a_catalog_that_is_no_text_says_so(folder: Path):
    (folder / "catalog.yaml").write_bytes(b"staging: \xff")
    with pytest.raises(Misconfigured, match="expected UTF-8"):
        CatalogFiles("", folder).catalog()


def test_a_file_too_large_is_refused(folder: Path):
    (folder / "big").write_bytes(b"x" * (5 * 1024 * 1024 + 1))
    with pytest.raises(Misconfigured, match="at most"):
        CatalogFiles("", folder).file("big")


def test_a_signature_never_shows(url: str):
    assert "sig" not in CatalogFiles(url, Path()).catalog()[0]
    for broken in (url.replace("sig=a", "sig=x"), "https://localhost:1/c/catalog.yaml?sig=secret"):
        with pytest.raises((Misconfigured, Transient)) as told:
            CatalogFiles(broken, Path()).catalog()
        assert "sig" not in str(told.value)
