"""`make approve`, `deny`, `release`, `explain`, `candidates`: what operators ask of the app, and its answer."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.__main__ import WORK
from local.operate_calls import Answer, send
from local.operate_request import NotAsked, Request, request
from local.operate_shown import lines, printable
from local.operate_target import Target, find
from shared.errors import BreakwaterError, Misconfigured

OK, UNANSWERED, REFUSED = 0, 1, 2  # exit codes
_SERVER_ERROR, _BAD = 500, 400
_DESCRIPTION = """\
Says something about a digest (approve, deny, release), or asks (explain, candidates).
"""
_EPILOG = """\
Whose Breakwater: the one at BREAKWATER_URL (https://<app>.azurewebsites.net), as whoever is signed in
(`az login`), for the application ENTRA_AUDIENCE; without BREAKWATER_URL the local Azure that runs, as
alice (bob, carol and dave may do less).

exit codes: 0 done; 1 the app or the directory could not be asked, or failed; 2 it refused, or a setting, a
role or the arguments are wrong
"""


def ask(target: Target, wanted: Request) -> Answer:
    """Send the request as whoever is signed in. Raises Transient, Misconfigured."""
    return send(
        wanted.method,
        target.url + wanted.path,
        token=target.token(),
        query=wanted.query,
        body=wanted.body,
        local=target.local,
    )


def main(
    arguments: Sequence[str] | None = None,
    environment: Mapping[str, str] = os.environ,
    work: Path = WORK,
    ask: Callable[[Target, Request], Answer] = ask,
) -> int:
    """Ask, print the answer and return the exit code."""
    given = _arguments(arguments)
    values = _values(given, environment)
    try:
        wanted = request(values, given.command)
        target = find(environment, given.work or work, values.get("as", ""))
        print(f"Asking {printable(target.name)}.", file=sys.stderr)
        answer = ask(target, wanted)
    except (NotAsked, Misconfigured) as error:
        return _fail(str(error), REFUSED, as_json=given.json)
    except BreakwaterError as error:
        return _fail(str(error), UNANSWERED, as_json=given.json)
    return _show(answer, as_json=given.json)


def _values(given: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the options that were given; `make` hands its variables over in the environment.

    There they are no part of a command line, whatever somebody's comment consists of.
    """
    names = ("image", "digest", "tag", "comment", "override", "as", "state", "observed", "limit")
    options = {name: getattr(given, f"{name}_") for name in names}
    if given.from_environment:
        options = {name: options[name] or environment.get(name.upper(), "") for name in names}
    return {name: value.strip() for name, value in options.items() if value.strip()}


def _show(answer: Answer, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(answer.body, indent=2))
    elif answer.status < _BAD:
        for line in lines(answer.body):
            print(line)
    else:
        error = answer.body.get("error")
        said = printable(error) if isinstance(error, str) else "and did not say why"
        print(f"error: HTTP {answer.status}: {said}", file=sys.stderr)
    if answer.status < _BAD:
        return OK
    return UNANSWERED if answer.status >= _SERVER_ERROR else REFUSED


def _fail(message: str, code: int, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": message}, indent=2))
    else:
        print(f"error: {printable(message)}", file=sys.stderr)
    return code


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.operate",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("approve", "deny", "release", "explain", "candidates"))
    for name, what in (
        ("image", "the image's name in the catalog"),
        ("digest", "the digest, sha256:…"),
        ("tag", "explain: what this tag names, instead of a digest"),
        ("comment", "approve, deny, release: why; it is kept (deny and --override need one)"),
        ("override", "approve: 1 lets it stand in for what is missing; needs a comment"),
        ("as", "the local Azure only: who asks (default: alice)"),
        ("state", "candidates: only those in this state"),
        ("observed", "candidates: 1 for those that enforce would have stopped"),
        ("limit", "candidates: how many, the last changed first (the app's own limit: 100)"),
    ):
        parser.add_argument(f"--{name}", dest=f"{name}_", default="", metavar="TEXT", help=what)
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    parser.add_argument(
        "--from-environment",
        action="store_true",
        help="take what is not given from IMAGE, DIGEST, TAG, COMMENT, OVERRIDE, AS, STATE, OBSERVED, LIMIT",
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="the folder of another local Azure than `make up`'s",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
