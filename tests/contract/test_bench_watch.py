"""The benchmark of the watch runs, with every peer, against its upstream over TLS."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.double import Manner
from bench.running import Wrong, field

ROOT = Path(__file__).resolve().parents[2]


def test_a_quick_run_finishes_and_shows_every_peer():
    command = (sys.executable, "-m", "bench", "watch", "--quick")
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {re.split(r" {2,}", line)[0] for line in done.stdout.splitlines()}
    assert rows >= {
        "ours",
        "ours, 20 scopes a token",
        "requests in threads",
        "skopeo inspect, parallel (3)",
        "aiohttp alone, no tokens",
        "bare TLS sockets, no tokens",
        "ours, 200 tags",
    }


def test_peers_find_every_digest_and_the_double_counts_what_that_took():
    with field(concurrency=4) as upstream:
        for peer in ("ours", "threads"):
            found = upstream.run(peer, 30, Manner())
            assert found.spent.right == 30
            assert 30 <= found.count.requests <= 31
            assert (found.count.tokens, found.count.refused) == (3, found.count.requests - 30)
            assert found.count.connections > 0


def test_the_double_waits_as_long_as_it_is_told():
    with field(concurrency=5) as upstream:
        slow = upstream.run("bare", 20, Manner(latency=0.05, barred=False))
    assert slow.spent.wall >= 4 * 0.05


def test_a_peer_that_fails_is_no_measurement():
    with field(concurrency=4) as upstream, pytest.raises(Wrong, match="bare: it ended with 1"):
        upstream.run("bare", 10, Manner())
