"""What asking upstreams for thousands of tags costs, beside what others pay for the same."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench import tables
from bench.bounds import Bound
from bench.double import TAGS_EACH, Manner
from bench.machine import Others
from bench.running import Field, Run, field

CONCURRENCY = 16  # requests at a time, for every peer alike
LATENCY = 0.05  # seconds
MANY = 20  # scopes in one token, where the double grants several
_NAMES = {
    "ours": "ours",
    "many": f"ours, {MANY} scopes a token",
    "threads": "requests in threads",
    "tuned": "the same, trust_env off",
    "skopeo": "skopeo inspect, parallel",
    "bare": "aiohttp alone, no tokens",
    "raw": "bare TLS sockets, no tokens",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: tags, those of them that skopeo gets, and the two sizes that tell a line from a curve."""

    tags: int = 2000
    sample: int = 100
    small: int = 10_000
    large: int = 100_000
    rounds: int = 5


QUICK = Size(tags=60, sample=3, small=100, large=200, rounds=1)


type Rounds = Mapping[str, Sequence[Run]]


def watch(size: Size) -> list[Bound]:
    """Print the numbers of one run; return what they were to show. Raises Wrong."""
    repositories = math.ceil(size.tags / TAGS_EACH)
    tables.heading(
        f"Asking for {size.tags} tags of {repositories} repositories over TLS,"
        f" at most {CONCURRENCY} requests at a time; medians of {size.rounds} rounds"
    )
    others = Others()
    with field(CONCURRENCY) as upstream:
        limits = _limits(upstream, size)
        near = _near(upstream, size)
        far = _far(upstream, size)
        many = _many(upstream, size)
    tables.busy(others.cpus())
    layers = {"raw": limits["raw"], "bare": limits["bare"], "many": near["many"]}
    tables.steps(_medians({**layers, "ours": near["ours"]}), _NAMES)
    return [*_speed(near, far, size), *_thrift(near, size), *_growth(many)]


def _limits(upstream: Field, size: Size) -> Rounds:
    """What the double and aiohttp can do at most: nothing below may come near the first."""
    runs = _interleaved(upstream, ("raw", "bare"), size, Manner(barred=False))
    _print("The upstream double's own ceiling", runs)
    raw = _median(runs["raw"])
    spent = 1e6 * raw.count.cpu / raw.tags
    print(f"The double spends {spent:.0f} µs of CPU on a tag.\n", flush=True)
    return runs


def _near(upstream: Field, size: Size) -> Rounds:
    peers = ("ours", "threads", "tuned", "many", "skopeo")
    runs = _interleaved(upstream, peers, size, Manner())
    _print("No latency", runs)
    return runs


def _far(upstream: Field, size: Size) -> Rounds:
    peers = ("ours", "threads", "skopeo")
    runs = _interleaved(upstream, peers, size, Manner(latency=LATENCY), rounds=1)
    _print(f"{1000 * LATENCY:.0f} ms before every answer (one round)", runs)
    return runs


def _many(upstream: Field, size: Size) -> Mapping[int, Sequence[Run]]:
    """The small size before and after the large, so that a machine that slows down slows both."""
    order = (size.small, size.large, size.small)
    runs = [(tags, upstream.run("ours", tags, Manner())) for tags in order]
    tables.sizes("Many tags", [run for _, run in runs])
    return {wanted: [run for tags, run in runs if tags == wanted] for wanted in order}


def _interleaved(
    upstream: Field, peers: Sequence[str], size: Size, manner: Manner, rounds: int = 0
) -> Rounds:
    """Let the peers take turns, forwards and backwards, so that a busy moment hits neighbours alike."""
    runs: dict[str, list[Run]] = {peer: [] for peer in peers}
    for number in range(rounds or size.rounds):
        for peer in peers if number % 2 == 0 else reversed(peers):
            tags = size.sample if peer == "skopeo" else size.tags
            grants = Manner(manner.latency, MANY, manner.barred) if peer == "many" else manner
            runs[peer].append(upstream.run("ours" if peer == "many" else peer, tags, grants))
    return runs


def _print(title: str, runs: Rounds) -> None:
    times = {peer: _times(runs, peer) for peer in runs} if "ours" in runs else {}
    tables.runs(title, _medians(runs), _NAMES, times)


def _medians(runs: Rounds) -> Mapping[str, Run]:
    return {peer: _median(found) for peer, found in runs.items()}


def _median(runs: Iterable[Run]) -> Run:
    ordered = sorted(runs, key=lambda run: run.rate)
    return ordered[len(ordered) // 2]


def _times(runs: Rounds, peer: str) -> float:
    """How many times as fast as this peer ours is: the median of the rounds' ratios."""
    pairs = zip(runs["ours"], runs[peer], strict=True)
    return statistics.median(ours.rate / other.rate for ours, other in pairs)


def _speed(near: Rounds, far: Rounds, size: Size) -> list[Bound]:
    allowed = size.tags * LATENCY / CONCURRENCY
    limit = f"{CONCURRENCY} at a time allow at {1000 * LATENCY:.0f} ms"
    return [
        Bound(
            "times as fast as requests in threads, no latency",
            _times(near, "threads"),
            at_least=5,
        ),
        Bound(
            f"times the {allowed:.2f} s that {limit}",
            _median(far["ours"]).spent.wall / allowed,
            at_most=1.3,
        ),
    ]


def _thrift(near: Rounds, size: Size) -> list[Bound]:
    """The most that any round took: these numbers do not depend on the machine."""
    repositories = math.ceil(size.tags / TAGS_EACH)
    requests = max(run.requests for run in near["ours"])
    one, many = (max(run.count.tokens for run in near[peer]) for peer in ("ours", "many"))
    return [
        Bound("requests for each unchanged tag", requests, at_most=1.05),
        Bound("tokens, one scope each", one, at_most=repositories),
        Bound(f"tokens, {MANY} scopes each", many, at_most=math.ceil(repositories / MANY)),
    ]


def _growth(many: Mapping[int, Sequence[Run]]) -> list[Bound]:
    """CPU time, of which nearly all of it is: runs of 2 s and 20 s do not share their busy moments."""
    small, large = min(many), max(many)
    before = sum(run.spent.cpu for run in many[small]) / len(many[small]) / small
    after = many[large][0].spent
    return [
        Bound(
            f"times the CPU time for each tag, {large} tags beside {small}",
            after.cpu / large / before,
            at_most=1.25,
        ),
        Bound(f"MiB at the peak, {large} tags", after.peak, at_most=250),
    ]
