"""Go's text/template as far as task files use it: plain field lookups, and errors for all else."""

import re
from collections.abc import Mapping

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_FIELD = re.compile(r"\.([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?")
_SCOPES = ("Run", "Build", "Values")

# The fields of .Run; an unknown one renders empty in Azure, and is an error here.
RUN_FIELDS = frozenset(
    {
        "ID", "Commit", "Repository", "Branch", "GitTag", "TriggeredBy", "Registry", "RegistryName", "Date",
        "SharedVolume", "OS", "OSVersion", "Architecture", "TaskName",
    }
)  # fmt: skip


class TemplateError(ValueError):
    """The text holds a template action the local runner does not render."""


def drop_comments(text: str) -> str:
    """Drop every line whose first visible character is `#`, inside scripts too, as acr-builder does."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#")
    )


def render(text: str, run: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Render `{{.Run.X}}`, `{{.Build.ID}}` and `{{.Values.x}}`, unescaped, as acr-builder does.

    A value that was not given renders empty (Go: missingkey=zero).

    Raises:
        TemplateError: for any other action; it names it and its line.

    """

    def replace(match: re.Match[str]) -> str:
        action = match.group(1)
        line = text.count("\n", 0, match.start()) + 1
        return _lookup(action, line, run, values)

    rendered = _ACTION.sub(replace, text)
    if "{{" in _ACTION.sub("", text):
        line = text[: text.rindex("{{")].count("\n") + 1
        message = f"line {line}: expected }}}} after {{{{, found the end"
        raise TemplateError(message)
    return rendered


def _lookup(action: str, line: int, run: Mapping[str, str], values: Mapping[str, str]) -> str:
    field = _FIELD.fullmatch(action.strip())
    scope, name = (field.group(1), field.group(2)) if field else ("", "")
    if scope not in _SCOPES or not name:
        message = (
            f"line {line}: expected {{{{.Run.X}}}}, {{{{.Build.ID}}}} or {{{{.Values.x}}}},"
            f" found {{{{{action}}}}}; the local runner renders nothing else"
        )
        raise TemplateError(message)
    if scope == "Values":
        return values.get(name, "")
    known = RUN_FIELDS if scope == "Run" else {"ID"}
    if name not in known:
        message = f"line {line}: expected one of {', '.join(sorted(known))} after .{scope}, found {name!r}"
        raise TemplateError(message)
    return run.get(name, "")
