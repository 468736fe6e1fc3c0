"""Upstreams: one suite over the fake and over our watcher, on registries of several kinds."""

import asyncio
import shutil
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import trustme
from aiohttp import web

from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import Descriptor, Manifest
from shared.oci.reference import Repository
from shared.ports import Upstreams
from shared.registry import artifacts
from shared.registry.watcher import UpstreamWatcher
from shared.values import Layer, Resolved, Unresolved
from tests.contract.acr_world import world
from tests.contract.odd_registry import Odd, head
from tests.contract.serving import ca_path, free_port, serve
from tests.contract.waiting import PATIENCE, eventually
from tests.fakes import FakeUpstreams, image, index


@dataclass
class Bench:
    upstreams: Upstreams
    registry: str
    put: Callable[[str, str, Manifest], object]


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_path()))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_path()))


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Run Debian's docker-registry with TLS; it has no referrers API."""
    port, authority = free_port(), trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        f"storage: {{inmemory: {{}}}}\n"
        f"http: {{addr: 'localhost:{port}', tls: {{certificate: {folder}/cert.pem, key: {folder}/key.pem}}}}\n"
    )
    command = [shutil.which("docker-registry") or "docker-registry", "serve", "config.yml"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        eventually(lambda: _answers(f"https://localhost:{port}/v2/", context))
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def _answers(url: str, context: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(url, context=context):
            return True
    except OSError:
        return False


@pytest.fixture(params=["fake", "acr", "docker-registry"])
def bench(request, tmp_path, monkeypatch) -> Iterator[Bench]:
    if request.param == "fake":
        fake = FakeUpstreams()
        yield Bench(
            fake,
            "docker.io",
            lambda path, tag, manifest: fake.content.push(
                Repository("docker.io", path), manifest, tag
            ),
        )
    elif request.param == "acr":
        with world(anonymous_pull=True) as here:
            registry = here.registry

            def put(path: str, tag: str, manifest: Manifest) -> None:
                registry.put_blob(path, artifacts.EMPTY)
                registry.put_manifest(path, tag, manifest.media_type, manifest.raw)

            yield Bench(UpstreamWatcher(), registry.login_server, put)
    else:
        with docker_registry(tmp_path) as host:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
            yield Bench(UpstreamWatcher(), host, _pusher(host))


def _pusher(host: str) -> Callable[[str, str, Manifest], None]:
    def put(path: str, tag: str, manifest: Manifest) -> None:
        opened = requests.post(f"https://{host}/v2/{path}/blobs/uploads/", timeout=PATIENCE)
        blob = {"digest": str(Digest.of(artifacts.EMPTY))}
        where = opened.headers["Location"]
        requests.put(where, params=blob, data=artifacts.EMPTY, timeout=PATIENCE).raise_for_status()
        requests.put(
            f"https://{host}/v2/{path}/manifests/{tag}",
            data=manifest.raw,
            headers={"Content-Type": manifest.media_type},
            timeout=PATIENCE,
        ).raise_for_status()

    return put


def _resolve(
    upstreams: Upstreams, *tags: tuple[Repository, str], seconds: float = PATIENCE
) -> list[Resolved | Unresolved]:
    async def asked() -> Mapping[tuple[Repository, str], Resolved | Unresolved]:
        async with upstreams.visit({}, seconds=seconds) as visit:
            return await visit.resolve(tags)

    found = asyncio.run(asked())
    return [found[each] for each in tags]


def test_tags_resolve_and_missing_ones_are_none(bench: Bench):
    *children, top = index("white", ["linux/amd64", "linux/arm64"])
    for number, child in enumerate(children):
        bench.put("library/node", f"child{number}", child)
    bench.put("library/node", "20", top)
    node = Repository(bench.registry, "library/node")
    nothing = Repository(bench.registry, "library/nothing")
    assert _resolve(bench.upstreams, (node, "20"), (node, "21"), (nothing, "1")) == [
        Resolved(Descriptor(media_types.OCI_INDEX, top.digest, len(top.raw))),
        Resolved(None),
        Resolved(None),
    ]


def test_a_digest_nobody_refers_to_has_no_referrers(bench: Bench):
    bench.put("library/node", "20", image("white"))
    node = Repository(bench.registry, "library/node")
    assert asyncio.run(_referrers(bench.upstreams, node, image("white").digest)) == ()


def test_a_referrer_is_listed_by_the_api_or_from_the_fallback_tag(bench: Bench):
    white = image("white")
    bench.put("library/node", "20", white)
    signature = artifacts.artifact(
        white.descriptor,
        artifact_type="application/vnd.signature",
        layers=(Layer("application/json", artifacts.EMPTY),),
        annotations={},
    )
    bench.put("library/node", "signature", signature)
    fallback = artifacts.referrers_index((), signature)
    bench.put("library/node", artifacts.fallback_tag(white.digest), fallback)
    node = Repository(bench.registry, "library/node")
    (found,) = asyncio.run(_referrers(bench.upstreams, node, white.digest))
    assert found.digest == signature.digest


async def _referrers(upstreams: Upstreams, repository: Repository, digest: Digest):
    async with upstreams.visit({}, seconds=PATIENCE) as visit:
        return await visit.referrers(repository, digest)


# Registries that behave oddly


def _odd(handle, tag: str = "20") -> tuple[Resolved | Unresolved, Odd]:
    odd = Odd.of(handle)
    with serve(odd.app) as url:
        node = Repository(url.removeprefix("https://"), "library/node")
        (found,) = _resolve(UpstreamWatcher(seconds=PATIENCE), (node, tag))
    return found, odd


def test_without_a_digest_header_the_bytes_are_hashed():
    white = image("white")
    found, odd = _odd(lambda request: head(white))
    assert found == Resolved(Descriptor(white.media_type, white.digest, len(white.raw)))
    assert [method for method, _, _ in odd.seen] == ["HEAD", "GET"]


def test_a_bytes_limit_guards_the_hashing():
    found, _ = _odd(lambda request: web.Response(body=b" " * (4 * 1024 * 1024 + 1)))
    assert isinstance(found, Unresolved)
    assert "at most 4194304 bytes" in found.reason


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_every_other_status_is_unresolved_never_missing(status: int):
    found, _ = _odd(lambda request: web.Response(status=status))
    assert isinstance(found, Unresolved)
    assert f"HTTP {status}" in found.reason


def test_a_401_with_a_realm_elsewhere_is_refused():
    header = 'Bearer realm="https://evil.example/token",service="x"'
    found, _ = _odd(lambda request: web.Response(status=401, headers={"WWW-Authenticate": header}))
    assert isinstance(found, Unresolved)
    assert "evil.example" in found.reason


def test_a_token_does_not_follow_a_redirect_to_another_host():
    white = image("white")
    target = Odd.of(lambda request: head(white, **{"Docker-Content-Digest": str(white.digest)}))
    with serve(target.app) as elsewhere:

        def handle(request: web.Request) -> web.Response:
            if request.path == "/token":
                return web.json_response({"token": "secret"})
            if request.headers.get("Authorization") == "Bearer secret":
                return web.Response(status=307, headers={"Location": f"{elsewhere}/v2/x"})
            realm = f'Bearer realm="https://{request.host}/token"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})

        found, _ = _odd(handle)
    assert found == Resolved(Descriptor(white.media_type, white.digest, len(white.raw)))
    assert target.seen == [("HEAD", "/v2/x", "")]


@pytest.mark.parametrize(
    "target", ["http://localhost:1/x", "https://169.254.169.254/x", "https://[::1/x", "/v2/loop"]
)
def test_a_redirect_to_plain_http_an_address_or_in_circles_is_refused(target: str):
    found, _ = _odd(lambda request: web.Response(status=302, headers={"Location": target}))
    assert isinstance(found, Unresolved)
    assert "redirect" in found.reason


def test_one_repository_needs_one_token():
    white = image("white")

    def handle(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.json_response({"token": "secret", "expires_in": 300})
        if request.headers.get("Authorization") == "Bearer secret":
            return head(white, **{"Docker-Content-Digest": str(white.digest)})
        realm = f'Basic realm="x", Bearer realm="https://{request.host}/token"'
        return web.Response(status=401, headers={"WWW-Authenticate": realm})

    odd = Odd.of(handle)
    with serve(odd.app) as url:
        node = Repository(url.removeprefix("https://"), "library/node")
        found = _resolve(UpstreamWatcher(), *[(node, f"t{number}") for number in range(20)])
    assert {type(each) for each in found} == {Resolved}
    assert [path for _, path, _ in odd.seen].count("/token") == 1


def test_one_bad_registry_stops_nobody():
    white = image("white")
    odd = Odd.of(lambda request: head(white, **{"Docker-Content-Digest": str(white.digest)}))
    with serve(odd.app) as url:
        good = Repository(url.removeprefix("https://"), "library/node")
        bad = [
            Repository("localhost:1", "library/node"),
            Repository("localhost:99999", "library/node"),
            Repository("nowhere.invalid", "library/node"),
        ]
        found = _resolve(
            UpstreamWatcher(seconds=PATIENCE), *[(each, "20") for each in (*bad, good)]
        )
    assert [type(each) for each in found] == [Unresolved, Unresolved, Unresolved, Resolved]


def test_a_registry_that_answers_too_late_is_given_up():
    over = threading.Event()

    async def late(request: web.Request) -> web.Response:
        while not over.is_set():  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.02)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", late)
    with serve(app) as url:
        node = Repository(url.removeprefix("https://"), "library/node")
        slow = [(node, f"t{number}") for number in range(3)]
        by_request = _resolve(UpstreamWatcher(seconds=0.2), slow[0])
        all_in_all = _resolve(UpstreamWatcher(concurrency=1), *slow, seconds=3)
        over.set()
    assert [each.reason for each in by_request if isinstance(each, Unresolved)] == [
        f"{node}:t0: {node.registry}: no answer in time"
    ]
    ended = f"{node.registry}: no answer within the 3 s of the visit"
    assert all_in_all == [
        Unresolved(ended),
        Unresolved(ended, reached=False),
        Unresolved(ended, reached=False),
    ]
