"""How one host lets us in during one visit: its challenge learnt once, its tokens asked for ahead."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from multidict import CIMultiDict

from shared.errors import BreakwaterError, Permanent
from shared.registry import doors, tokens
from shared.registry.accounts import Identity, Known, RefusedUser
from shared.registry.challenge import InvalidChallenge
from shared.registry.doors import Door, Scheme
from shared.registry.tokens import Token, TokenRequest
from shared.registry.transport import Answer

_MANY = 20  # scopes in one token
_LONGEST = 3000  # characters of paths in one request for a token
_REFRESH = "refresh"  # the cache's scope for ACR's refresh token
_TRIES = 3  # for one token: with others, alone, and once more

type Headers = CIMultiDict[str]


class Access:
    """Gives each request its Authorization header; tokens never leave their host and account."""

    def __init__(
        self,
        host: str,
        identity: Identity,
        known: Known,
        fetch: Callable[[TokenRequest], Awaitable[bytes]],
        now: Callable[[], float],
        *,
        realms: Sequence[str] = (),
        parallel: int = 4,
    ) -> None:
        """`fetch` gets a token, at most `parallel` at a time are asked for ahead."""
        self._host, self._identity, self._known = host, identity, known
        self._account = f"{identity}@{host}"
        self._fetch, self._now = fetch, now
        self._realms, self._parallel = realms, parallel
        self.first = asyncio.Lock()  # held by whoever asks while nothing is known
        door = known.doors.get(self._account)
        self._door: Door | None = Door(Scheme.BEARER) if identity.entra else door
        self._ready: dict[str, tuple[Headers, float]] = {}
        self._failed: dict[str, tuple[type[BreakwaterError], str]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, None] = {}  # repositories nobody has asked for a token of, in order
        self._ahead: set[str] = set()  # those whose token was asked for before they had their turn
        self._alone: set[str] = set()  # those a token of several scopes left out
        self._has_worked = False  # who asks was let in once
        self._refusal = ""  # why who asks is not let in at all

    @property
    def is_known(self) -> bool:
        """Whether it is known what this host wants of a request."""
        return self._door is not None

    def settled(self) -> None:
        """Note that the host answered as it was asked."""
        self._has_worked = True
        if self._door is None:
            self._learn(Door(Scheme.OPEN))

    def want(self, paths: Iterable[str]) -> None:
        """Say which repositories will be asked for, in order, so that their tokens can be got ahead."""
        self._wanted.update(dict.fromkeys(paths))
        self._advance()

    async def headers(self, path: str) -> Headers | None:
        """Return what to send with a question about this repository. Raises BreakwaterError."""
        ready = self._ready.get(path)
        if ready is not None and ready[1] > self._now():
            return ready[0]
        self._raise_if_failed(path)
        if self._door is None or self._door.scheme is Scheme.OPEN:
            return None
        if self._door.scheme is Scheme.BASIC:
            return self._user()
        token = self._cached(path) or await self._obtain(path)
        headers = CIMultiDict(Authorization=f"Bearer {token.value}")
        self._ready[path] = headers, token.until
        self._ahead.discard(path)
        self._wanted.pop(path, None)
        self._advance()
        return headers

    async def renewed(self, path: str, sent: Headers | None, answer: Answer) -> Headers | None:
        """Return what to send instead of what got this 401. Raises BreakwaterError."""
        try:
            door = doors.learnt(answer.headers.getall("WWW-Authenticate", []), path)
        except InvalidChallenge as error:
            message = f"{self._host}: {error}"
            raise Permanent(message) from None
        if not self._identity.entra:
            self._learn(door)
        self._ready.pop(path, None)
        if door.scheme is Scheme.BASIC and sent is not None:
            message = f"{self._host}: HTTP 401, it refused the credentials {self._identity}"
            self._failed[path] = Permanent, message
            self._refuse(message)
            raise Permanent(message)
        cached = self._cached(path)
        if sent is not None and cached and sent["Authorization"] == f"Bearer {cached.value}":
            self._known.tokens.drop(self._account, self._scope(path))
            self._alone.add(path)
        return await self.headers(path)

    def deny(self, path: str) -> Permanent:
        """Ask for this repository no more; return why."""
        message = (
            f"{self._host}: HTTP 401 with a new token too: there is no such repository, "
            f"or it does not open for {self._identity}"
        )
        self._failed[path] = Permanent, message
        return Permanent(message)

    async def close(self) -> None:
        """Stop asking."""
        tasks = set(self._asking.values())
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _learn(self, door: Door) -> None:
        self._door = self._known.doors[self._account] = door

    def _user(self) -> Headers:
        if self._identity.credential is None:
            message = f"{self._host}: HTTP 401, it wants a user and a password (Basic): name credentials for it"
            raise Permanent(message)
        return CIMultiDict(Authorization=tokens.basic(self._identity.credential))

    def _scope(self, path: str) -> str:
        return self._door.scope(path) if self._door else ""

    def _cached(self, path: str) -> Token | None:
        return self._known.tokens.token(self._account, self._scope(path), self._now())

    def _refuse(self, message: str) -> None:
        """Send a user that was never let in no more: accounts are locked for less."""
        if self._identity.credential and not self._has_worked:
            self._refusal = message

    def _raise_if_failed(self, path: str) -> None:
        if self._refusal:
            raise Permanent(self._refusal)
        if failed := self._failed.get(path):
            raise failed[0](failed[1])  # a new one: the same would grow with each traceback

    async def _obtain(self, path: str) -> Token:
        for _ in range(_TRIES):
            task = self._asking.get(path) or self._start(path)
            await asyncio.shield(task)  # others may wait for it too
            self._raise_if_failed(path)
            if token := self._cached(path):
                return token
        message = f"{self._host}: its token service gives no token that lasts"
        raise Permanent(message)

    def _start(self, path: str) -> asyncio.Task[None]:
        """Ask for a token of this repository, and of those that follow if one may hold several."""
        group = self._group(path)
        task = asyncio.create_task(self._ask(group))
        self._asking.update(dict.fromkeys(group, task))
        return task

    def _group(self, path: str) -> list[str]:
        self._wanted.pop(path, None)
        group, length = [path], len(path)
        is_single = self._account in self._known.single or path in self._alone
        if is_single or (self._door and self._door.wide):
            return group
        for other in self._wanted:
            length += len(other)
            if len(group) == _MANY or length > _LONGEST:
                break
            group.append(other)
        for each in group[1:]:
            del self._wanted[each]
        return group

    def _advance(self) -> None:
        """Keep some tokens ahead of the questions, so that nobody waits for one in between."""
        if self._door is None or self._door.scheme is not Scheme.BEARER or self._door.wide:
            return
        while self._wanted and len(self._ahead) < 2 * self._parallel:
            path = next(iter(self._wanted))
            if self._cached(path):
                del self._wanted[path]  # from an earlier visit
                continue
            if len(set(self._asking.values())) >= self._parallel:
                return
            before = set(self._asking)
            self._start(path)
            self._ahead |= self._asking.keys() - before

    async def _ask(self, group: list[str]) -> None:
        try:
            token = await self._token([self._scope(each) for each in group])
            self._keep(group, token)
        except BreakwaterError as error:
            if len(group) > 1:  # it may be one of the others: each alone will tell
                self._part(group)
                if isinstance(error, Permanent):
                    self._known.single.add(self._account)
            else:
                self._fail(group[0], error)
        finally:
            for each in group:
                self._asking.pop(each, None)

    def _part(self, paths: Sequence[str]) -> None:
        """Ask for each of these alone, before what comes after them."""
        self._alone.update(paths)
        self._wanted = dict.fromkeys(paths) | self._wanted

    def _fail(self, path: str, error: BreakwaterError) -> None:
        self._failed[path] = type(error), str(error)
        self._known.doors.pop(self._account, None)  # its realm may have moved
        if isinstance(error, RefusedUser):
            self._refuse(str(error))

    def _keep(self, group: Sequence[str], token: Token) -> None:
        """Keep a token for what it opens; one of several scopes that opens one is asked for no more."""
        opened = group[:1]
        if len(group) > 1:
            names = tokens.granted(token.value)
            prefix = self._door.prefix if self._door else ""
            # Without a word about it the first scope counts: some honour only that one.
            opened = (
                group[:1] if names is None else [each for each in group if prefix + each in names]
            )
            self._part([each for each in group if each not in opened])
            if len(opened) <= 1:
                self._known.single.add(self._account)
        self._has_worked = True
        for each in opened:
            self._known.tokens.put(self._account, self._scope(each), token)

    async def _token(self, scopes: Sequence[str]) -> Token:
        if self._identity.entra is not None:
            return await self._acr_token(" ".join(scopes), self._identity.entra)
        challenge = self._door.challenge if self._door else None
        if challenge is None:
            message = f"{self._host}: no challenge to answer"
            raise Permanent(message)
        request = tokens.asked(
            challenge,
            self._host,
            scopes,
            realms=self._realms,
            credential=self._identity.credential,
        )
        return tokens.read(await self._fetch(request), self._host, self._now())

    async def _acr_token(self, scope: str, entra: Callable[[], str]) -> Token:
        """Exchange Entra's token for ACR's refresh token (kept for 3 hours), and that for this one."""
        refresh = self._known.tokens.get(self._account, _REFRESH, self._now())
        if refresh is None:
            exchange = tokens.exchange(self._host, await asyncio.to_thread(entra))
            found = tokens.read(await self._fetch(exchange), self._host, self._now())
            self._known.tokens.put(self._account, _REFRESH, found)
            refresh = found.value
        try:
            content = await self._fetch(tokens.access(self._host, refresh, scope))
        except Permanent:
            self._known.tokens.drop(self._account, _REFRESH)  # it may have been revoked
            raise
        return tokens.read(content, self._host, self._now())
