"""Task aliases: `$name` replaced by what the task or the engine says it stands for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from local.tasks.templates import TemplateError, render

_NAME = re.compile(r"[A-Za-z0-9]+")
_ALIAS_KEY = re.compile(r"alias\s*:")
_TOP_LEVEL = re.compile(r"[^\s:#][^:]*:")

# What acr-builder defines for every task (graph/global-defaults-linux.go).
_RUN_ALIASES = (
    "ID", "SharedVolume", "Registry", "RegistryName", "Date", "OS", "Architecture", "Commit", "Branch",
)  # fmt: skip
IMAGE_ALIASES = {
    "acr": "mcr.microsoft.com/acr/acr-cli:0.19",
    "az": "mcr.microsoft.com/acr/azure-cli:2ff604c",
    "bash": "mcr.microsoft.com/acr/bash:2ff604c",
    "curl": "mcr.microsoft.com/acr/curl:2ff604c",
    "cssc": "mcr.microsoft.com/acr/cssc:2ff604c",
}


class AliasError(ValueError):
    """The task's alias block is not one the runner understands."""


@dataclass(frozen=True, slots=True)
class Aliased:
    """A task's text after substitution, and every alias that held for it."""

    text: str
    aliases: Mapping[str, str]


def substitute(text: str, run: Mapping[str, str]) -> Aliased:
    """Cut the alias block out of a rendered task (v1.1.0) and replace every `$alias` in the rest.

    `$$` stands for one `$`; a name that is no alias stays as it is.

    Raises AliasError.
    """
    block, rest = _separate(text)
    own, directive = _parse(block)
    aliases = {name: run.get(name, "") for name in _RUN_ALIASES} | IMAGE_ALIASES | own
    try:
        aliases = {name: render(value, run, {}) for name, value in aliases.items()}
    except TemplateError as error:
        message = f"alias: {error}"
        raise AliasError(message) from error
    return Aliased(_replace(rest, aliases, directive), aliases)


def resolve_command(cmd: str, aliases: Mapping[str, str]) -> str:
    """Replace a bare image alias at the head of a `cmd` (`cssc trivy …`)."""
    head, space, tail = cmd.strip().partition(" ")
    return f"{aliases[head]}{space}{tail}" if head in aliases else cmd


def _separate(text: str) -> tuple[str, str]:
    """Split off the top-level `alias:` block line by line; it ends at the next top-level key."""
    block: list[str] = []
    rest: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if _ALIAS_KEY.match(line):
            inside = True
        elif inside and _TOP_LEVEL.match(line):
            inside = False
        (block if inside else rest).append(line)
    return "".join(block), "".join(rest)


def _parse(block: str) -> tuple[dict[str, str], str]:
    try:
        document: Any = yaml.safe_load(block) or {}
    except yaml.YAMLError as error:
        message = f"alias: expected YAML, found {error}"
        raise AliasError(message) from error
    alias = document.get("alias") or {}
    if not isinstance(alias, dict) or not isinstance(alias.get("values") or {}, dict):
        message = "alias: expected a mapping with values, found something else"
        raise AliasError(message)
    for key in alias:
        if key not in ("values", "directive"):
            what = "which the local runner does not fetch" if key == "src" else "found it unknown"
            message = f"alias.{key}: expected values or directive, {what}"
            raise AliasError(message)
    directive = str(alias.get("directive") or "$")
    if len(directive) != 1 or directive.isalnum():
        message = f"alias.directive: expected one character that is no letter or digit, found {directive!r}"
        raise AliasError(message)
    values = {str(name): str(value) for name, value in (alias.get("values") or {}).items()}
    for name in values:
        if not _NAME.fullmatch(name):
            message = f"alias.values: expected names of letters and digits, found {name!r}"
            raise AliasError(message)
    return values, directive


def _replace(text: str, aliases: Mapping[str, str], directive: str) -> str:
    sign = re.escape(directive)

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return directive  # the directive twice is its escape
        return aliases.get(name, match.group(0))

    return re.sub(rf"{sign}(?:{sign}|([A-Za-z0-9]+))", one, text)
