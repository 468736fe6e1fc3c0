"""One registry during one visit: its limits, its ways in, and where it redirects to."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from multidict import CIMultiDict
from yarl import URL

from shared.errors import Permanent, Transient
from shared.oci import media_types
from shared.registry import urls
from shared.registry.access import Access, Headers
from shared.registry.accounts import Identity, Known, RefusedUser
from shared.registry.addresses import host_of, is_literal, refusal
from shared.registry.limits import turn
from shared.registry.manners import Manners, realms_of
from shared.registry.meter import Meter, Unasked
from shared.registry.tokens import TokenRequest
from shared.registry.transport import Answer, Transport, Unanswered

_REDIRECTS = 5
_MOST_HOSTS = 20  # that one registry sends us to, in one visit
_MOVED = frozenset({301, 302, 303, 307, 308})
_OK, _UNAUTHORIZED, _SERVER_ERROR = 200, 401, 500
_LARGEST_TOKEN = 64 * 1024  # bytes
_SECOND_TRY = (0.1, 0.5)  # seconds to wait for it, by chance: not all at once


@dataclass(slots=True)
class _Question:
    """A request about a repository, wherever it is sent: it `counts` towards limits, its answer is `heeded`.

    `named`: the catalog names the host that it goes to now.
    """

    method: str
    url: URL
    path: str
    accept: str
    limit: int
    counts: bool
    named: bool = True
    heeded: bool = True


class Client:
    """Sends a registry's requests; `usage`, limits and tokens are those of one visit."""

    def __init__(
        self,
        manners: Manners,
        identity: Identity,
        transport: Transport,
        known: Known,
        *,
        until: float,
        now: Callable[[], float],
    ) -> None:
        """Borrow the transport; nothing is sent after `until` (the event loop's clock)."""
        self.manners = manners
        self.meter = Meter(manners, now)
        self._transport, self._known = transport, known
        self._until, self._now = until, now
        self._gate = asyncio.Semaphore(manners.concurrency)
        self._tokens_gate = asyncio.Semaphore(manners.concurrency)
        self._free_at = 0.0  # when the rate allows the next request
        self._base = urls.base(manners.host)
        self._is_address = is_literal(host_of(manners.host))
        self._raw = self._base.raw_authority if self._base else ""
        self._authority = urls.authority(self._base) if self._base else ""
        self._own = self._access(manners.host, identity, manners.realms)
        self._others: dict[str, Access] = {}

    async def send(
        self, method: str, path: str, rest: str, *, accept: str = "", limit: int = 0
    ) -> Answer:
        """Ask about the repository at `path`: `/v2/<path>/<rest>`; redirects are followed.

        Returns the answer, whatever its status, of at most `limit` bytes. Raises Unasked, Transient when nobody
        answers, Permanent for what no registry may ask of us.
        """
        return await self.follow(method, self.url(path, rest), path, accept=accept, limit=limit)

    def url(self, path: str, rest: str) -> URL:
        """Return `/v2/<path>/<rest>` at this registry. Raises Permanent if it is at no host and port."""
        if self._base is None:
            message = f"{self.manners.registry}: no answer: expected a host and a port up to 65535"
            raise Permanent(message)
        if self._is_address:
            self._is_named(self._base.host or "")
        return self._base.with_path(
            f"/v2/{path}/{rest}", encoded=True
        )  # the grammar allows no more

    async def follow(
        self, method: str, url: URL, path: str, *, accept: str = "", limit: int = 0
    ) -> Answer:
        """Send as above to a URL that the registry named itself."""
        # At Docker Hub a pull is a GET of a manifest; elsewhere nobody says, so everything counts.
        counts = not self.manners.heads_are_free or (method == "GET" and "/manifests/" in url.path)
        question = _Question(method, url, path, accept, limit, counts)
        access = self._own if url.raw_authority == self._raw else self._elsewhere(question)
        for _ in range(_REDIRECTS + 1):
            ask = self._authorised if access.is_known else self._first
            answer = await ask(access, question)
            target = answer.headers.get("Location")
            if answer.status not in _MOVED or not target:
                return answer
            question.url = urls.followed(question.url, target, self._authority)
            access = self._elsewhere(question)
        message = f"{self.manners.registry}: more than {_REDIRECTS} redirects"
        raise Permanent(message)

    def want(self, paths: list[str]) -> None:
        """Say which repositories come next, so that their tokens can be got ahead."""
        self._own.want(paths)

    async def close(self) -> None:
        """Stop what still runs."""
        for each in (self._own, *self._others.values()):
            await each.close()

    def _access(self, host: str, identity: Identity, realms: tuple[str, ...]) -> Access:
        return Access(
            host,
            identity,
            self._known,
            self._token,
            self._now,
            realms=realms,
            parallel=max(2, self.manners.concurrency // 4),  # a token lasts for many questions
        )

    def _elsewhere(self, question: _Question) -> Access:
        """Return the way in where a redirect leads: on other hosts we are nobody, and names are others.

        Raises Permanent for an address that may not be called.
        """
        authority = urls.authority(question.url)
        # Docker Hub sends whoever asks for referrers to a web page with limits of its own.
        question.heeded = question.accept != media_types.OCI_INDEX
        question.named = self._is_named(question.url.host or "")
        if authority == self._authority:
            return self._own
        question.path = urls.repository(question.url)
        if authority not in self._others:
            if len(self._others) == _MOST_HOSTS:
                message = f"{self.manners.registry}: it sends us to more than {_MOST_HOSTS} hosts"
                raise Permanent(message)
            self._others[authority] = self._access(authority, Identity(), realms_of(authority))
        return self._others[authority]

    async def _first(self, access: Access, question: _Question) -> Answer:
        """Ask where nobody knows yet what the host wants: one asks and the others wait."""
        async with access.first:
            if not access.is_known:
                return await self._authorised(access, question)
        return await self._authorised(access, question)

    async def _authorised(self, access: Access, question: _Question) -> Answer:
        headers, refused = await access.headers(question.path), 0
        answer = await self._twice(question, headers)
        while answer.status == _UNAUTHORIZED:
            refused += headers is not None
            if refused > 1:
                raise access.deny(question.path)
            headers = await access.renewed(question.path, headers, answer)
            answer = await self._twice(question, headers)
        if answer.status < _SERVER_ERROR:
            access.settled()
        return answer

    async def _twice(self, question: _Question, headers: Headers | None) -> Answer:
        """Send, and once more where a connection broke or the server failed."""
        if question.accept:
            headers = CIMultiDict(headers or ())
            headers["Accept"] = question.accept
        try:
            answer = await self._once(question, headers)
            if answer.status < _SERVER_ERROR or not self._may_retry():
                return answer
        except Unanswered as error:
            if not error.broken or not self._may_retry():
                self.meter.silent()
                raise
        await asyncio.sleep(random.uniform(*_SECOND_TRY))  # noqa: S311 spreads load, keeps no secret
        try:
            return await self._once(question, headers)
        except Unanswered:
            self.meter.silent()
            raise

    def _may_retry(self) -> bool:
        return asyncio.get_running_loop().time() + 1 < self._until and self.meter.may_retry()

    async def _once(self, question: _Question, headers: Headers | None) -> Answer:
        if self.manners.rate:
            await self._turn()
        async with self._gate:
            self.meter.ask(counts=question.counts)
            try:
                answer = await self._transport.request(
                    question.method, question.url, headers, question.limit, question.named
                )
            finally:
                self.meter.back(counts=question.counts)
        if question.heeded:
            self.meter.heard(answer.status, answer.headers)
        return answer

    async def _turn(self) -> None:
        """Wait until the rate allows one more; not at all if there is no time for it."""
        now = asyncio.get_running_loop().time()
        at, following = turn(self._free_at, now, self.manners.rate)
        if at >= self._until:
            message = f"{self.manners.registry}: no time was left at {self.manners.rate:g} requests a second"
            raise Unasked(message)
        self._free_at = following
        await asyncio.sleep(at - now)

    def _is_named(self, host: str) -> bool:
        """Tell whether the catalog names the host. Raises Permanent for an address nobody may call."""
        named = host in self.manners.named
        if is_literal(host) and (reason := refusal(host, named=named)):
            message = f"{self.manners.registry}: refused to call {host[:100]}: {reason}"
            raise Permanent(message)
        return named

    async def _token(self, request: TokenRequest) -> bytes:
        """Fetch a token: no redirects, and a second try as above; on its own host within its limits."""
        url = URL(request.url, encoded=True)
        headers = CIMultiDict(Accept="application/json")
        if request.authorization:
            headers["Authorization"] = request.authorization
        form = dict(request.form) or None
        named, is_own = self._is_named(url.host or ""), urls.authority(url) == self._authority
        for is_last in (False, True):
            if is_own and self.manners.rate:
                await self._turn()
            try:
                async with self._gate if is_own else self._tokens_gate:
                    self.meter.ask_token()
                    answer = await self._transport.request(
                        request.method, url, headers, _LARGEST_TOKEN, named, form
                    )
            except Unanswered as error:
                if is_last or not error.broken or not self._may_retry():
                    self.meter.silent_token()
                    raise
            else:
                self.meter.heard_token(answer.status, answer.headers)
                if answer.status < _SERVER_ERROR or is_last or not self._may_retry():
                    return self._read(answer, url, request)
            await asyncio.sleep(random.uniform(*_SECOND_TRY))  # noqa: S311 as above
        raise AssertionError  # the loop returns or raises

    def _read(self, answer: Answer, url: URL, request: TokenRequest) -> bytes:
        if answer.status == _OK:
            return answer.content
        whom = "the credentials" if request.authorization or request.form else "nobody"
        where = f"{self.manners.registry}: its token service {host_of(url.authority)}"
        message = f"{where} answered HTTP {answer.status} to {whom}"
        if answer.status >= _SERVER_ERROR:
            raise Transient(message)
        raise (RefusedUser if answer.status == _UNAUTHORIZED else Permanent)(message)
