"""Who asks the double: each in a process of its own, `python -m bench.peers NAME WORK`, measured inside it."""

import asyncio
import hashlib
import json
import os
import re
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import batched, groupby
from operator import itemgetter
from pathlib import Path

from bench import double
from bench.machine import own_cpu

type Found = Mapping[tuple[str, str], str]
_SECONDS = 600.0  # far more than any peer needs: a bench is never cut short silently


@dataclass(frozen=True, slots=True)
class Work:
    """So many tags of the double at this port, at most `concurrency` requests at a time.

    `ca` is a folder that holds the one certificate to trust, as `ca.crt`.
    """

    port: int
    ca: str
    tags: int
    concurrency: int

    @property
    def registry(self) -> str:
        return f"localhost:{self.port}"

    @property
    def certificate(self) -> str:
        return str(Path(self.ca) / "ca.crt")


@dataclass(frozen=True, slots=True)
class Spent:
    """What asking took: seconds on the clock and of CPU, MiB at the peak; how many digests were right."""

    wall: float
    cpu: float
    peak: float
    right: int


def ours(work: Work) -> Callable[[], Found]:
    """Resolve every tag as the watch does."""
    from shared.catalog import Upstream  # noqa: PLC0415  only this peer pays for it
    from shared.oci.reference import Repository  # noqa: PLC0415  only this peer pays for it
    from shared.registry.watcher import UpstreamWatcher  # noqa: PLC0415  only this peer pays for it
    from shared.values import Resolved  # noqa: PLC0415  only this peer pays for it

    host = work.registry
    upstreams = {host: Upstream(registry=host, concurrency=work.concurrency)}
    wanted = [(Repository(host, path), tag) for path, tag in double.names(work.tags)]

    async def visit() -> Found:
        watcher = UpstreamWatcher({})
        async with watcher.visit(upstreams, seconds=_SECONDS) as opened:
            found = await opened.resolve(wanted)
        return {
            (repository.path, tag): str(each.descriptor.digest)
            if isinstance(each, Resolved) and each.descriptor
            else str(each)
            for (repository, tag), each in found.items()
        }

    return lambda: asyncio.run(visit())


def threads(work: Work, *, tuned: bool = False) -> Callable[[], Found]:
    """HEAD every tag with requests: a session a thread, a token a repository, the realm learned once.

    Tuned: without looking for proxies and .netrc in the environment at every request.
    """
    import requests  # noqa: PLC0415  only this peer pays for it

    own, base = threading.local(), f"https://{work.registry}/v2"
    realm = ""

    def session() -> requests.Session:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.verify = work.certificate
            own.session.trust_env = not tuned
            own.session.headers["Accept"] = double.INDEX
        found: requests.Session = own.session
        return found

    def repository(entry: tuple[str, list[str]]) -> dict[tuple[str, str], str]:
        path, tags = entry
        asked = {"service": "double", "scope": f"repository:{path}:pull"}
        granted = session().get(realm, params=asked, timeout=_SECONDS)
        granted.raise_for_status()
        headers = {"Authorization": f"Bearer {granted.json()['token']}"}
        found = {}
        for tag in tags:
            url = f"{base}/{path}/manifests/{tag}"
            answer = session().head(url, headers=headers, timeout=_SECONDS)
            answer.raise_for_status()
            found[path, tag] = answer.headers["Docker-Content-Digest"]
        return found

    def run() -> Found:
        nonlocal realm
        names = double.names(work.tags)
        first = session().head(f"{base}/{names[0][0]}/manifests/{names[0][1]}", timeout=_SECONDS)
        realm = re.findall(r'realm="([^"]*)"', first.headers["WWW-Authenticate"])[0]
        entries = [
            (path, [tag for _, tag in each]) for path, each in groupby(names, key=itemgetter(0))
        ]
        with ThreadPoolExecutor(work.concurrency) as pool:
            return {
                key: value for part in pool.map(repository, entries) for key, value in part.items()
            }

    return run


def skopeo(work: Work) -> Callable[[], Found]:
    """`skopeo inspect --raw`, a process a tag; what it prints is hashed, as its users do."""

    def one(name: tuple[str, str]) -> tuple[tuple[str, str], str]:
        where = f"docker://{work.registry}/{name[0]}:{name[1]}"
        command = ("skopeo", "inspect", "--raw", "--no-tags", "--cert-dir", work.ca, where)
        printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        return name, f"sha256:{hashlib.sha256(printed).hexdigest()}"

    def run() -> Found:
        with ThreadPoolExecutor(work.concurrency) as pool:
            return dict(pool.map(one, double.names(work.tags)))

    return run


def bare(work: Work) -> Callable[[], Found]:
    """HEAD with a bare aiohttp session, every token there already: what ours pays at the least."""
    import aiohttp  # noqa: PLC0415  only this peer pays for it

    async def run() -> Found:
        context = ssl.create_default_context(cafile=work.certificate)
        names, found = iter(double.names(work.tags)), {}
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            headers = {"Authorization": f"Bearer {_token()}", "Accept": double.INDEX}

            async def worker() -> None:
                for path, tag in names:
                    url = f"https://{work.registry}/v2/{path}/manifests/{tag}"
                    async with session.head(url, headers=headers) as answer:
                        found[path, tag] = answer.headers["Docker-Content-Digest"]

            async with asyncio.TaskGroup() as group:
                for _ in range(work.concurrency):
                    group.create_task(worker())
        return found

    return lambda: asyncio.run(run())


def raw(work: Work) -> Callable[[], Found]:
    """HEAD over bare TLS sockets, a request on each before the first is read: the double's own ceiling."""
    token, links = _token(), [_link(work) for _ in range(work.concurrency)]

    def run() -> Found:
        found = {}
        for turn in batched(double.names(work.tags), len(links), strict=False):
            for link, (path, tag) in zip(links, turn, strict=False):
                link.send(_request(f"/v2/{path}/manifests/{tag}", token))
            for link, name in zip(links, turn, strict=False):
                found[name] = link.recv(65536).decode().partition("Docker-Content-Digest: ")[2][:71]
        return found

    return run


def _link(work: Work) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=work.certificate)
    plain = socket.create_connection(("127.0.0.1", work.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname="localhost")


def _request(target: str, token: str) -> bytes:
    headers = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nAccept: {double.INDEX}"
    return f"HEAD {target} HTTP/1.1\r\n{headers}\r\n\r\n".encode()


def _token() -> str:
    """Return a token of the usual length, for a double that wants none."""
    return double.token(["repository:library/image-00000:pull"], 1)[0]


def measure(name: str, work: Work) -> Spent:
    """Run one peer in this very process: what it imports and makes ready before is not counted."""
    run = PEERS[name](work)
    used, began = own_cpu(), time.perf_counter()
    found = run()
    wall, cpu, peak = time.perf_counter() - began, own_cpu() - used, _peak(work)
    right = sum(found.get(each) == double.digest(*each) for each in double.names(work.tags))
    return Spent(wall, cpu, peak, right)


def _peak(work: Work) -> float:
    """MiB of this process at its peak, and as often the largest of its children as it had at once.

    Its own from /proc: ru_maxrss begins with what the process had that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + work.concurrency * child) / 1024


PEERS: Mapping[str, Callable[[Work], Callable[[], Found]]] = {
    "ours": ours,
    "threads": threads,
    "tuned": partial(threads, tuned=True),
    "skopeo": skopeo,
    "bare": bare,
    "raw": raw,
}

if __name__ == "__main__":
    asked = Work(**json.loads(sys.argv[2]))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):  # aiohttp's default context; requests
        os.environ[name] = asked.certificate
    print(json.dumps(asdict(measure(sys.argv[1], asked))))
