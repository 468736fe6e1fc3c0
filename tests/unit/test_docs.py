"""The documents and the code say the same."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shared.catalog import load
from shared.policy import candidate
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
OPERATIONS = ROOT / "docs" / "operations.md"
ADRS = ROOT / "docs" / "adr"
OURS = [
    README,
    ROOT / "CHANGELOG.md",
    ROOT / "local" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
# Read by the host, the worker or azure-identity; Settings does not know them.
OTHERS = frozenset(
    {
        "FUNCTIONS_WORKER_RUNTIME",
        "PYTHON_THREADPOOL_THREAD_COUNT",
        "WATCH_SCHEDULE",
        "SWEEP_SCHEDULE",
        "AZURE_TOKEN_CREDENTIALS",
        "AZURE_CLIENT_ID",
    }
)
# Whoever tries the app on a machine of their own is no managed identity.
NOT_IN_SAMPLE = frozenset({"AZURE_CLIENT_ID"})


class Recording(Mapping[str, str]):
    """An environment that remembers which settings were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_ = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


REQUIRED = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-0000000000bb",
    "AzureWebJobsStorage__queueServiceUri": "https://a.queue.core.windows.net",
    "AzureWebJobsStorage__tableServiceUri": "https://a.table.core.windows.net",
    "AzureWebJobsStorage__blobServiceUri": "https://a.blob.core.windows.net",
}


def section(path: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next of the same level or above."""
    text = path.read_text("utf-8")
    level = heading.partition(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"{path.name} has no heading {heading!r}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of the text's tables."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in cells] for cells in lines if not set(cells[0]) <= set("-: ")]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def sample() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    return values


def documented() -> dict[str, str]:
    """Return every setting of the table in operations.md with its default's text."""
    found = [row for row in rows(section(OPERATIONS, "## Settings")) if code(row[0])]
    return {code(row[0])[0]: row[1] for row in found}


def asked() -> set[str]:
    environment = Recording(REQUIRED)
    Settings.of(environment)
    return environment.asked


def test_the_table_of_settings_has_every_setting_and_no_other():
    assert set(documented()) == asked() | OTHERS


def test_the_sample_has_every_setting_an_operator_sets():
    assert set(sample()) == (asked() | OTHERS) - NOT_IN_SAMPLE


def test_the_sample_s_values_are_accepted():
    Settings.of(sample() | REQUIRED)


def test_the_sample_shows_the_defaults():
    filled, default = Settings.of(sample() | REQUIRED), Settings.of(REQUIRED)

    assert filled == default


@pytest.mark.parametrize("name", sorted(asked() - set(REQUIRED)))
def test_a_documented_default_is_the_code_s(name: str):
    default = "".join(code(documented()[name]))

    assert Settings.of(REQUIRED | {name: default}) == Settings.of(REQUIRED)
    assert default or not getattr(Settings.of(REQUIRED), name.lower())


def test_required_settings_are_documented_as_such():
    required = {name for name, default in documented().items() if default == "required"}

    assert set(REQUIRED) <= required


def test_every_make_target_a_document_names_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = "".join(path.read_text("utf-8") for path in OURS)

    assert set(re.findall(r"(?:`|^\$ )make ([a-z]+)", text, re.MULTILINE)) <= targets


def test_the_readme_names_every_make_target_but_help():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)) - {"help"}

    assert targets == {each for each in targets if f"make {each}" in README.read_text("utf-8")}


def test_every_decision_is_in_the_index_under_its_own_title():
    index = (ADRS / "README.md").read_text("utf-8")
    linked = dict(re.findall(r"\((\d{4}-[^)]+\.md)\) \| (.+?) \|", index))
    titles = {
        path.name: path.read_text("utf-8").splitlines()[0].partition(" ")[2][5:]
        for path in ADRS.glob("[0-9]*.md")
    }

    assert linked == titles


@pytest.mark.parametrize("path", sorted(ADRS.glob("[0-9]*.md")), ids=lambda path: str(path.stem))
def test_every_decision_has_context_decision_and_consequences(path: Path):
    headings = re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE)

    assert headings == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path):
    text = path.read_text("utf-8")

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_diagram_has_every_state_of_a_candidate_and_no_other():
    text = section(ARCHITECTURE, "## 4 A candidate's life")
    diagram = text[text.index("```mermaid") :].partition("```\n")[0]
    arrows = re.findall(r"^\s+(\S+) --> (\w+|\[\*\]):?", diagram, re.MULTILINE)
    drawn = {end for arrow in arrows for end in arrow} - {"[*]"}

    assert drawn == {state.value for state in candidate.State}


def test_the_table_of_rules_is_decide_s_own_in_its_order():
    text = section(ARCHITECTURE, "## 4 A candidate's life")
    named = [code(row[0])[0] for row in rows(text) if code(row[0])]

    assert named == [rule.__name__ for rule in candidate._RULES]


def test_the_table_of_functions_is_function_app_s_own():
    tree = ast.parse((ROOT / "function_app.py").read_text("utf-8"))
    functions = (each for each in tree.body if isinstance(each, ast.FunctionDef))
    defined = [each.name for each in functions if each.decorator_list]  # by its trigger
    named = [code(row[0])[0] for row in rows(section(ARCHITECTURE, "## 3 Functions"))[1:]]

    assert sorted(named) == sorted(defined)


def events() -> set[str]:
    """Return every event of the journal that is written out in the handlers."""
    found = {state.value for state in candidate.State} - {"staged"}
    for path in (ROOT / "handlers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            found |= set(_events(node))
    return found


def _events(node: ast.AST) -> Iterator[str]:
    event = _text_of_note(node)
    if isinstance(event, ast.Constant):
        yield str(event.value)
    if isinstance(event, ast.JoinedStr):  # f"{kind} started"
        rest = "".join(str(each.value) for each in event.values if isinstance(each, ast.Constant))
        yield from (f"{kind}{rest}" for kind in ("scan", "test"))
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):  # done = ("tagged", …)
        names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        first = node.value.elts[0] if node.value.elts else None
        if names == ["done"] and isinstance(first, ast.Constant):
            yield str(first.value)
    value = node.value if isinstance(node, ast.keyword) and node.arg == "event" else None
    if isinstance(value, ast.Constant):  # Entry(event="given up")
        yield str(value.value)


def _text_of_note(node: ast.AST) -> ast.expr | None:
    """Return the first argument of a call to `note` that is written out as text: the event."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return None
    if node.func.id not in ("note", "_note", "say", "_tell"):
        return None
    texts = (each for each in node.args if isinstance(each, (ast.Constant, ast.JoinedStr)))
    return next((each for each in texts if not _is_empty(each)), None)


def _is_empty(text: ast.expr) -> bool:
    """Tell whether it is the image that an entry about a registry has not."""
    return isinstance(text, ast.Constant) and not text.value


def test_every_event_of_the_journal_is_explained():
    explained = {
        event for row in rows(section(OPERATIONS, "## The journal")) for event in code(row[0])
    }

    assert explained == events()


def test_the_readme_s_catalog_is_one():
    (text,) = re.findall(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)

    assert load("README.md", text).notes == ()
