"""What an image is built on: the FROM lines of its Dockerfile, and how Azure writes such references down."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DOCKER_HUB = "registry.hub.docker.com"  # how ACR spells docker.io in dependencies
SCRATCH = "scratch"
_FROM, _FROM_AS = 2, 4  # words in `FROM image` and in `FROM image AS name`
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class DockerfileError(ValueError):
    """The Dockerfile holds a line acr-builder's scanner does not understand: its build step fails."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image as ACR records it; `digest` is what the tag named at the time (an index's, where it is one)."""

    registry: str
    repository: str
    tag: str
    digest: str = ""

    @property
    def name(self) -> str:
        """The reference as a client pulls it."""
        host = "docker.io" if self.registry == DOCKER_HUB else self.registry
        if self.tag:
            return f"{host}/{self.repository}:{self.tag}"
        return f"{host}/{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Dependency:
    """One entry of a task's `baseImageDependencies`; `type` is RunTime or BuildTime."""

    type: str
    registry: str
    repository: str
    tag: str
    digest: str


@dataclass(frozen=True, slots=True)
class OutputImage:
    """One entry of a run's `outputImages`."""

    registry: str
    repository: str
    tag: str
    digest: str


@dataclass(frozen=True, slots=True)
class Bases:
    """The images a Dockerfile starts from: its final stage's, the other stages', and those it only copies from."""

    runtime: Reference | None
    buildtime: tuple[Reference, ...]
    copied: tuple[Reference, ...]


def parse_reference(text: str) -> Reference:
    """Split an image name as docker does: no host means Docker Hub, no tag means `latest`."""
    name, _, digest = text.partition("@")
    head, slash, tail = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        registry, path = head, tail
    else:
        registry, path = DOCKER_HUB, name
    if registry == "docker.io":
        registry = DOCKER_HUB
    repository, _, tag = path.partition(":")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag or ("" if digest else "latest"), digest)


def scan(dockerfile: str, arguments: Mapping[str, str], target: str = "") -> Bases:
    """Find the images a Dockerfile is built on.

    Raises:
        DockerfileError: for `FROM --platform=…`, which acr-builder's scanner refuses too (Azure/acr#697).

    """
    known: dict[str, str] = {}
    stages: list[tuple[str, str]] = []  # (name, what it starts from)
    copies: list[str] = []
    for line in _instructions(dockerfile):
        words = line.split()
        instruction = words[0].upper()
        if instruction == "ARG" and not stages and len(words) > 1:
            key, _, default = words[1].partition("=")
            known[key] = arguments.get(key, default.strip("'\""))
        elif instruction == "FROM":
            if len(words) not in (_FROM, _FROM_AS) or words[1].startswith("--"):
                message = f"unable to understand line {line}"
                raise DockerfileError(message)
            name = words[3] if len(words) == _FROM_AS else str(len(stages))
            stages.append((name.lower(), _expand(words[1], known)))
        elif instruction == "COPY":
            copies += [word.removeprefix("--from=") for word in words if word.startswith("--from=")]
    return _bases(stages, copies, target.lower())


def _bases(stages: Sequence[tuple[str, str]], copies: Sequence[str], target: str) -> Bases:
    if not stages:
        message = "expected a FROM line, found none"
        raise DockerfileError(message)
    names = dict(stages)
    final = names.get(target, stages[-1][1])
    while final.lower() in names and names[final.lower()] != final:
        final = names[final.lower()]
    external = dict.fromkeys(origin for _, origin in stages if origin.lower() not in names)
    others = [parse_reference(text) for text in external if text not in (final, SCRATCH)]
    outside = dict.fromkeys(
        text for text in copies if text.lower() not in names and not text.isdigit()
    )
    return Bases(
        runtime=None if final == SCRATCH else parse_reference(final),
        buildtime=tuple(others),
        copied=tuple(parse_reference(text) for text in outside),
    )


def _instructions(dockerfile: str) -> list[str]:
    """Join continued lines, and drop comments and empty lines."""
    text = "\n".join(
        line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")
    ).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _expand(text: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: known.get(match.group(1) or match.group(2), ""), text)


def recorded(
    builds: Sequence[Mapping[str, Any]], digests: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Shape the dependencies acr-builder prints and ACR stores (pkg/image/dependencies.go).

    `builds` is what the engine's build wrote down; `digests` maps a pushed reference to its manifest's digest.
    """
    rows = []
    for build in builds:
        for tag in build["tags"]:
            image = parse_reference(tag)
            digest = digests.get(tag, "")
            shown = _row(Reference(image.registry, image.repository, image.tag, digest))
            row = {
                "image": shown,
                "runtime-dependency": build["runtime"] and _row(Reference(**build["runtime"])),
                "buildtime-dependency": [_row(Reference(**base)) for base in build["buildtime"]]
                or None,
                "git": {"git-head-revision": ""},
            }
            rows.append(row)
    return rows


def _row(reference: Reference) -> dict[str, str]:
    return {
        "registry": reference.registry,
        "repository": reference.repository,
        "tag": reference.tag,
        "digest": reference.digest,
        "reference": reference.name,
    }


def summary(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[tuple[OutputImage, ...], tuple[Dependency, ...]]:
    """Return a run's output images (those that were pushed) and dependencies, each once."""
    images: dict[OutputImage, None] = {}
    found: dict[Dependency, None] = {}
    for row in rows:
        image = {key: row["image"][key] for key in ("registry", "repository", "tag", "digest")}
        if image["digest"]:
            images[OutputImage(**image)] = None
        bases = [("RunTime", row["runtime-dependency"])] if row["runtime-dependency"] else []
        bases += [("BuildTime", base) for base in row["buildtime-dependency"] or ()]
        for kind, base in bases:
            fields = {key: base[key] for key in ("registry", "repository", "tag", "digest")}
            found[Dependency(type=kind, **fields)] = None
    return tuple(images), tuple(found)


def dumps(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as the one JSON line the log ends with."""
    return json.dumps(rows, separators=(",", ":"))
