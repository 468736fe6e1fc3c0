"""Runs peers against the upstream double, each side in a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import trustme

from bench.double import TAGS_EACH, Count, Manner
from bench.imports import CHECKOUT
from bench.peers import Spent, Work


class Wrong(Exception):
    """A peer did not find what is there, or the double is gone: the times mean nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One peer's way through some tags: what it spent, and what the double counted."""

    tags: int
    spent: Spent
    count: Count

    @property
    def rate(self) -> float:
        """Tags a second."""
        return self.tags / self.spent.wall

    @property
    def requests(self) -> float:
        """Requests to the registry for each tag; those for tokens are not among them."""
        return self.count.requests / self.tags

    @property
    def tokens(self) -> float:
        """Requests for tokens for each repository."""
        return self.count.tokens * TAGS_EACH / self.tags


class Field:
    """Where peers run: one double, which serves them all."""

    def __init__(self, process: subprocess.Popen[str], ca: Path, concurrency: int) -> None:
        """Take a double that has started and says its port first."""
        self._process, self._ca, self._concurrency = process, ca, concurrency
        self._port = int(self._line())

    def run(self, peer: str, tags: int, manner: Manner) -> Run:
        """Let one peer ask for so many tags. Raises Wrong."""
        self._set(manner)
        work = Work(self._port, str(self._ca), tags, self._concurrency)
        command = (sys.executable, "-m", "bench.peers", peer, json.dumps(asdict(work)))
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"{peer}: it ended with {done.returncode}: {done.stderr[-2000:]}"
            raise Wrong(message)
        spent, count = Spent(**json.loads(done.stdout)), self._set(Manner())
        if spent.right != tags:
            message = f"{peer}: expected {tags} right digests, found {spent.right}"
            raise Wrong(message)
        return Run(tags, spent, count)

    def _set(self, manner: Manner) -> Count:
        """Tell the double how to behave; return what it counted since it was last told."""
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(asdict(manner)) + "\n")
            self._process.stdin.flush()
        return Count(**json.loads(self._line()))

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            message = "the upstream double has ended"
            raise Wrong(message)
        return line


@contextmanager
def field(concurrency: int) -> Iterator[Field]:
    """Start the double, with a certificate of a CA that nobody else trusts."""
    with tempfile.TemporaryDirectory(prefix="breakwater-bench-") as folder:
        authority, ca, certificate = trustme.CA(), Path(folder, "ca"), Path(folder, "double.pem")
        ca.mkdir()
        authority.cert_pem.write_to_path(ca / "ca.crt")
        issued = authority.issue_cert("localhost")
        issued.private_key_and_cert_chain_pem.write_to_path(certificate)
        command = (sys.executable, "-m", "bench.double", str(certificate))
        with subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield Field(process, ca, concurrency)
            finally:
                process.kill()
