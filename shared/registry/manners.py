"""What is known beforehand about public registries: where their API is, who gives their tokens, what counts."""

from dataclasses import dataclass

from shared.catalog import Upstream
from shared.registry.addresses import host_of

_HUB = "registry-1.docker.io"
_API = {"docker.io": _HUB, "index.docker.io": _HUB, "registry.hub.docker.com": _HUB}

# Registries whose tokens come from another host; every other realm must be the registry's own host.
_REALMS = {
    _HUB: ("auth.docker.io",),
    "registry.gitlab.com": ("gitlab.com",),
    "docker.elastic.co": ("docker-auth.elastic.co",),
    "lscr.io": ("ghcr.io",),
}
_PAUSE = 60.0  # seconds after a 429 that does not say how long
_PAUSES = {_HUB: 300.0}  # Docker Hub's windows are hours long (docs.docker.com, "Pull usage")


@dataclass(frozen=True, slots=True)
class Manners:
    """How one registry is asked.

    `host` is its API's, `realms` the other hosts that give its tokens, `named` the host names that the
    catalog itself trusts, wherever they are. A HEAD counts towards its limits unless `heads_are_free`. At
    most `concurrency` requests at a time, `rate` a second (0: no limit), and none that counts when no
    more than `reserve` are left; after a 429 that names no time, none for `pause` seconds.
    """

    registry: str
    host: str
    realms: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    heads_are_free: bool = False
    concurrency: int = 4
    rate: float = 0.0
    reserve: int = 10
    pause: float = _PAUSE


def realms_of(host: str) -> tuple[str, ...]:
    """Return the other hosts that are known to give the tokens of the registry at `host`."""
    return _REALMS.get(host, ())


def manners_of(upstream: Upstream, concurrency: int) -> Manners:
    """Join what the catalog says about a registry with what is known about it.

    Docker Hub counts pulls, and a HEAD is none (docs.docker.com, "Pull usage"). Of other registries that
    send such headers nothing of the kind is known, so every request counts.
    """
    host = _API.get(upstream.registry, upstream.registry)
    trusted = (upstream.registry, host, *upstream.realms)
    return Manners(
        registry=upstream.registry,
        host=host,
        realms=realms_of(host) + upstream.realms,
        named=frozenset(host_of(each) for each in trusted),
        heads_are_free=host == _HUB,
        concurrency=upstream.concurrency or concurrency,
        rate=upstream.rate,
        reserve=upstream.reserve,
        pause=_PAUSES.get(host, _PAUSE),
    )
