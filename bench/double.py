"""An upstream registry with bearer tokens, as cheap as one process can be: the same for every peer."""

import base64
import functools
import hashlib
import heapq
import itertools
import json
import os
import re
import select
import socket
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from urllib.parse import parse_qs, urlsplit

TAGS_EACH = 10
INDEX = "application/vnd.oci.image.index.v1+json"
_SIGNATURE = base64.urlsafe_b64encode(bytes(256)).rstrip(b"=").decode()  # as long as RS256's
_AUTHORIZATION = b"\r\nAuthorization: Bearer "
_MANIFEST = re.compile(rb"(HEAD|GET) /v2/(.+)/manifests/([^ /]+) ")
_TOKEN = re.compile(rb"GET (/token\?[^ ]*) ")
_END = b"\r\n\r\n"
_TICK = 0.001  # seconds; epoll's clock


@dataclass(slots=True)
class Manner:
    """How it behaves: seconds before each answer, and how many scopes one token grants at most.

    `barred` says whether it wants a token at all; the peers that show what the machine can do need none.
    """

    latency: float = 0.0
    grants: int = 1
    barred: bool = True


@dataclass(slots=True)
class Count:
    """What was asked of it; `cpu` are the seconds of CPU that answering took."""

    requests: int = 0
    refused: int = 0
    tokens: int = 0
    connections: int = 0
    cpu: float = 0.0


@functools.cache
def repositories(tags: int) -> tuple[str, ...]:
    """Return the paths of as many repositories as hold these tags."""
    return tuple(f"library/image-{number:05}" for number in range(-(-tags // TAGS_EACH)))


def names(tags: int) -> list[tuple[str, str]]:
    """Return these many (repository, tag), repository by repository."""
    versions = [f"3.{number}.4-slim-bookworm" for number in range(TAGS_EACH)]
    return list(itertools.product(repositories(tags), versions))[:tags]


def manifest(path: str, tag: str) -> bytes:
    """Return the index a tag points at; none is like another."""
    child = hashlib.sha256(f"{path}:{tag}".encode()).hexdigest()
    platforms = ",".join(
        f'{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{child}",'
        f'"size":1024,"platform":{{"os":"linux","architecture":"{each}"}}}}'
        for each in ("amd64", "arm64")
    )
    return f'{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{platforms}]}}'.encode()


def digest(path: str, tag: str) -> str:
    """Return what a peer must find."""
    return f"sha256:{hashlib.sha256(manifest(path, tag)).hexdigest()}"


def token(scopes: list[str], grants: int) -> tuple[str, frozenset[bytes]]:
    """Return a token for the first of these scopes, as a JWT reads, and the paths it opens."""
    paths = [scope.split(":")[1] for scope in scopes[:grants]]
    access = [{"type": "repository", "name": each, "actions": ["pull"]} for each in paths]
    now = int(time.time())
    claims = {"iss": "double", "aud": "double", "exp": now + 3600, "iat": now, "access": access}
    parts = ({"alg": "RS256", "typ": "JWT", "kid": "double"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts]
    return f"{b'.'.join(encoded).decode()}.{_SIGNATURE}", frozenset(map(str.encode, paths))


@dataclass(slots=True)
class Registry:
    """Turns a request's bytes into an answer's."""

    realm: str
    manner: Manner = field(default_factory=Manner)
    count: Count = field(default_factory=Count)
    opened: dict[bytes, frozenset[bytes]] = field(default_factory=dict)

    def answer(self, request: bytes) -> bytes:
        """Answer one whole request."""
        if asked := _MANIFEST.match(request):
            self.count.requests += 1
            method, path, tag = asked.groups()
            if not self.manner.barred or path in self.opened.get(_bearer(request), ()):
                content = manifest(path.decode(), tag.decode())
                found = hashlib.sha256(content).hexdigest()
                head = _head(
                    "200 OK", INDEX, len(content), f"Docker-Content-Digest: sha256:{found}"
                )
                return head if method == b"HEAD" else head + content
            return self._challenge(f',scope="repository:{path.decode()}:pull"')
        if asked := _TOKEN.match(request):
            self.count.tokens += 1
            return self._granted(asked[1].decode())
        self.count.requests += 1
        if request.startswith(b"GET /v2/ "):
            return self._challenge("")
        return _head("404 Not Found", "text/plain", 0)

    def _challenge(self, scope: str) -> bytes:
        self.count.refused += 1
        wanted = f'WWW-Authenticate: Bearer realm="{self.realm}",service="double"{scope}'
        return _head("401 Unauthorized", "application/json", 0, wanted)

    def _granted(self, target: str) -> bytes:
        asked = parse_qs(urlsplit(target).query).get("scope", [])
        scopes = [scope for each in asked for scope in each.split(" ")]
        value, paths = token(scopes, self.manner.grants)
        self.opened[value.encode()] = paths
        content = json.dumps({"token": value, "expires_in": 3600}).encode()
        return _head("200 OK", "application/json", len(content)) + content


def _bearer(request: bytes) -> bytes:
    at = request.find(_AUTHORIZATION)
    if at < 0:
        return b""
    at += len(_AUTHORIZATION)
    return request[at : request.index(b"\r\n", at)]


def _head(status: str, kind: str, length: int, *more: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {length}", *more)
    return "\r\n".join((*lines, "", "")).encode()


@dataclass(slots=True)
class _Peer:
    """A connection: non-blocking TLS, still shaking hands or not, and a request read in part."""

    link: ssl.SSLSocket
    shaken: bool = False
    held: bytes = b""


class Server:
    """One thread, one epoll, no framework: what it costs is TLS and the kernel."""

    def __init__(self, certificate: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._registry = Registry(f"https://localhost:{self.port}/token")
        self._epoll = select.epoll()
        self._peers: dict[int, _Peer] = {}
        self._late: list[tuple[float, int, _Peer, bytes]] = []
        self._turn = itertools.count()

    def run(self) -> None:
        """Serve until standard input ends; each line there is a manner, answered by a count."""
        for source in (self._listener.fileno(), sys.stdin.fileno()):
            self._epoll.register(source, select.EPOLLIN)
        used = time.process_time()
        while True:
            wait = self._late[0][0] - time.monotonic() + _TICK / 2 if self._late else -1
            for source, _ in self._epoll.poll(wait if wait == -1 else max(0.0, wait)):
                if source in self._peers:
                    self._read(source)
                elif source == self._listener.fileno():
                    self._accept()
                else:
                    line = os.read(source, 65536)
                    if not line:
                        return
                    self._registry.count.cpu = time.process_time() - used
                    print(json.dumps(asdict(self._registry.count)), flush=True)
                    self._registry.count, used = Count(), time.process_time()
                    self._registry.manner = Manner(**json.loads(line))
                    self._registry.opened.clear()
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, peer, answer = heapq.heappop(self._late)
                self._send(peer, answer)

    def _accept(self) -> None:
        plain, _ = self._listener.accept()
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self._peers[link.fileno()] = _Peer(link)
        self._epoll.register(link.fileno(), select.EPOLLIN)
        self._registry.count.connections += 1

    def _read(self, source: int) -> None:
        peer = self._peers[source]
        try:
            if not peer.shaken:
                peer.link.do_handshake()
                peer.shaken = True
            data = peer.link.recv(65536)
        except ssl.SSLWantReadError:
            return
        except OSError:  # also TLS's own errors: the other side has gone
            data = b""
        if not data:
            self._epoll.unregister(source)
            self._peers.pop(source).link.close()
            return
        peer.held += data
        while _END in peer.held:
            request, _, peer.held = peer.held.partition(_END)
            self._reply(peer, self._registry.answer(request + b"\r\n"))

    def _reply(self, peer: _Peer, answer: bytes) -> None:
        latency = self._registry.manner.latency
        if latency:
            due = time.monotonic() + latency
            heapq.heappush(self._late, (due, next(self._turn), peer, answer))
        else:
            self._send(peer, answer)

    def _send(self, peer: _Peer, answer: bytes) -> None:
        try:
            peer.link.send(answer)  # a few hundred bytes: they always fit
        except OSError:
            return  # it has gone; its end is read, and the connection closed, in its turn


if __name__ == "__main__":
    server = Server(sys.argv[1])
    print(server.port, flush=True)
    server.run()
