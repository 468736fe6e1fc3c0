"""A registry whose manners are its fields: challenges, tokens, headers, paging, pace."""

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import web

from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.oci.reference import Repository
from tests.contract.internet import NO_TYPE
from tests.contract.scripted_tokens import ScriptedTokens

_ROUTE = re.compile(r"/v2/(?P<path>.+)/(?P<kind>manifests|tags|referrers)/(?P<reference>[^/]+)")
BEARER = 'Bearer realm="{realm}",service="{service}",scope="{scope}"'

type Script = Callable[[web.Request], web.StreamResponse | None]


@dataclass
class Shelf:
    """One repository's content; `listed` are tags that are only names."""

    tags: dict[str, Digest] = field(default_factory=dict)
    manifests: dict[Digest, Manifest] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)


@dataclass
class ScriptedRegistry:
    """A registry. `script` answers first, if it wants to; `headers` go with every manifest.

    `challenge` are the WWW-Authenticate lines of a 401, "" for none; `scope` what a token must open ("" for
    pull of the repository); `page` the most tags in one answer (0: all, whatever `n` says), `link` the form of
    the next one's address. After the first answer, the next come when `together` requests are here.
    """

    host: str
    tokens: ScriptedTokens | None = None
    challenge: tuple[str, ...] = (BEARER,)
    basic: str = ""
    scope: str = ""
    digest: bool = True
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    latency: float = 0.0
    together: int = 0
    page: int = 100
    link: str = '</v2/{path}/tags/list?last={last}&n={page}>; rel="next"'
    script: Script = lambda request: None
    shelves: dict[str, Shelf] = field(default_factory=dict)
    busy: int = 0
    peak: int = 0
    answered: int = 0
    met: asyncio.Event = field(default_factory=asyncio.Event)

    def repository(self, path: str) -> Repository:
        return Repository(self.host, path)

    def push(self, path: str, tag: str, *manifests: Manifest) -> Manifest:
        """Put manifests there; the tag points at the last."""
        shelf = self.shelves.setdefault(path, Shelf())
        shelf.manifests |= {each.digest: each for each in manifests}
        shelf.tags[tag] = manifests[-1].digest
        return manifests[-1]

    def list_tags(self, path: str, names: Iterable[str]) -> None:
        self.shelves.setdefault(path, Shelf()).listed.extend(names)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.busy += 1
        self.peak = max(self.peak, self.busy)
        try:
            await self._meet()
            await asyncio.sleep(self.latency)
            if found := self.script(request):
                return found
            if self.tokens and self.tokens.host == self.host and self._is_token(request):
                return await self.tokens.answer(request)
            return self._answer(request)
        finally:
            self.busy -= 1
            self.answered += 1

    async def _meet(self) -> None:
        if self.busy >= self.together:
            self.met.set()
        if self.answered:
            await self.met.wait()

    def _is_token(self, request: web.Request) -> bool:
        tokens = self.tokens
        return tokens is not None and request.path in (
            tokens.path,
            "/oauth2/exchange",
            "/oauth2/token",
        )

    def _answer(self, request: web.Request) -> web.StreamResponse:
        route = _ROUTE.fullmatch(request.path)
        if route is None:
            return _error(404, "NOT_FOUND")
        scope = self.scope or f"repository:{route['path']}:pull"
        if not self._is_open(request.headers.get("Authorization", ""), scope):
            return self._challenged(scope)
        shelf = self.shelves.get(route["path"])
        if shelf is None:
            return _error(404, "NAME_UNKNOWN")
        if route["kind"] == "tags":
            return self._tags(request, route["path"], shelf)
        if route["kind"] == "referrers":
            return _error(404, "MANIFEST_UNKNOWN")
        return self._manifest(shelf, route["reference"])

    def _is_open(self, authorization: str, scope: str) -> bool:
        if self.basic and authorization == self.basic:
            return True
        if self.tokens is None:
            return not self.basic
        return self.tokens.opens(authorization.removeprefix("Bearer "), scope)

    def _challenged(self, scope: str) -> web.StreamResponse:
        response = _error(401, "UNAUTHORIZED")
        tokens = self.tokens
        words = {"realm": tokens.realm, "service": tokens.service} if tokens else {}
        for line in self.challenge:
            response.headers.add("WWW-Authenticate", line.format(scope=scope, **words))
        return response

    def _tags(self, request: web.Request, path: str, shelf: Shelf) -> web.StreamResponse:
        names = [*sorted(shelf.tags), *shelf.listed]
        after = request.query.get("last", "")
        start = names.index(after) + 1 if after and self.page else 0
        size = min(self.page, int(request.query.get("n", self.page))) or len(names)
        page = names[start : start + size]
        response = web.json_response({"name": path, "tags": page})
        if start + size < len(names) and self.link:
            words = {"path": path, "last": quote(page[-1]), "page": size, "host": self.host}
            response.headers["Link"] = self.link.format(**words)
        return response

    def _manifest(self, shelf: Shelf, reference: str) -> web.StreamResponse:
        digest = shelf.tags.get(reference)
        found = [each for d, each in shelf.manifests.items() if reference == str(d) or d == digest]
        if not found:
            return _error(404, "MANIFEST_UNKNOWN")
        headers = dict(self.headers)
        if self.digest:
            headers["Docker-Content-Digest"] = str(found[0].digest)
        kind = found[0].media_type if self.content_type is None else self.content_type
        headers["Content-Type"] = kind or NO_TYPE
        return web.Response(body=found[0].raw, headers=headers)


@dataclass
class Elsewhere:
    """A host that is no registry: it keeps what it is sent, and answers what it is told to."""

    host: str
    status: int = 403

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=self.status)


def _error(status: int, code: str) -> web.Response:
    text = json.dumps({"errors": [{"code": code, "message": code.lower()}]})
    return web.Response(status=status, text=text, content_type="application/json")
