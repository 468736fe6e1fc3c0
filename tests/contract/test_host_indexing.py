"""What the worker library and the functions host make of an app when they load it."""

import asyncio
from pathlib import Path

import pytest

from local.functions_host.hostjson import HostJson
from local.functions_host.indexing import IndexingError, read_functions
from local.functions_host.invoker import Invoker
from local.functions_host.outputs import Outputs
from local.functions_host.settings import Settings
from local.functions_host.storage import Queues

HEAD = "import azure.functions as f\napp = f.FunctionApp()\n"


async def index(app: Path, code: str, config: HostJson) -> list[str]:
    """Load the code in a real worker and return the names of its functions."""
    (app / "function_app.py").write_text(code)
    settings = Settings({})
    queues = Queues(settings)
    invoker = Invoker(app, settings, Outputs(queues, True, print), None, 0)
    try:
        functions = read_functions(await invoker.start(), settings, config)
    finally:
        await invoker.close()
        await queues.close()
    return sorted(function.name for function in functions)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import nowhere_to_be_found",
            "No module named 'nowhere_to_be_found'. Cannot find module.",
        ),
        ("x = 1", "Could not find top level function app instances in function_app.py."),
        (
            f'{HEAD}@app.route("a")\ndef a(req, dep): ...',
            "FunctionLoadError: cannot load the a function",
        ),
        (
            f'{HEAD}@app.timer_trigger("t", "%WHEN%")\ndef a(t): ...',
            "The 'a' function is in error: Error indexing method 'Functions.a': "
            "'%WHEN%' does not resolve to a value.",
        ),
        (
            f'{HEAD}@app.blob_trigger("b", path="c/b", connection="X")\ndef a(b): ...',
            "'Functions.a': the binding type 'blobTrigger' is not supported by the local host",
        ),
        (
            f'{HEAD}@app.timer_trigger("t", "0 0 0 31 2 *")\ndef a(t): ...',
            "'Functions.a': expected a schedule that fires",
        ),
        ("import sys\nsys.exit(3)", "python exited with code 3"),
    ],
)
def test_an_app_that_cannot_be_indexed_says_why(tmp_path: Path, code, said):
    with pytest.raises(IndexingError) as found:
        asyncio.run(index(tmp_path, code, HostJson(extension_bundle=True)))
    assert said in str(found.value)


def test_an_extension_trigger_needs_the_extension_bundle(tmp_path: Path):
    code = f'{HEAD}@app.event_grid_trigger("e")\ndef a(e): ...'
    with pytest.raises(IndexingError, match="'eventGridTrigger' are not registered"):
        asyncio.run(index(tmp_path, code, HostJson()))


def test_the_functions_of_blueprints_are_indexed_too(tmp_path: Path):
    (tmp_path / "more.py").write_text(
        "import azure.functions as f\nbp = f.Blueprint()\n@bp.route('x')\ndef b(req): ..."
    )
    code = f'{HEAD}import more\napp.register_functions(more.bp)\n@app.route("y")\ndef a(req): ...'
    assert asyncio.run(index(tmp_path, code, HostJson())) == ["a", "b"]
