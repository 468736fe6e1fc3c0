"""The functions host's life: workers that are slow or die, runs that outlast it, apps with nothing in them."""

from pathlib import Path

import requests

from tests.contract.host_world import Host, ended, host
from tests.contract.waiting import PATIENCE


def status_of(started: Host, path: str) -> int:
    return requests.get(started.url + path, timeout=PATIENCE).status_code


def test_a_function_over_its_time_costs_the_worker_its_life(tmp_path: Path):
    code = (
        "import azure.functions as f, time\napp = f.FunctionApp(f.AuthLevel.ANONYMOUS)\n"
        "@app.route('slow')\ndef slow(req): time.sleep(600)\n"
        "@app.route('quick')\ndef quick(req): return 'ok'"
    )
    values = {"AzureFunctionsJobHost__functionTimeout": "00:00:06"}
    with host(tmp_path, code, values=values) as started:
        before = started.ready().workers()
        assert status_of(started, "/api/slow") == 500
        started.sees("Timeout value of 00:00:06 exceeded by function 'Functions.slow'")
        assert status_of(started, "/api/quick") == 200  # waits for the new worker
        assert started.workers() != before


def test_an_app_without_functions_is_told_so(tmp_path: Path):
    with host(tmp_path, "import azure.functions as f\napp = f.FunctionApp()") as started:
        started.ready()
        assert "No job functions found." in started.log


def test_a_run_that_ends_while_the_host_stops_is_not_made_up_for_again(tmp_path: Path):
    code = (
        "import azure.functions as f, logging, time\napp = f.FunctionApp()\n"
        '@app.timer_trigger("t", "0 0 0 1 1 *", run_on_startup=True)\n'
        "def yearly(t):\n    logging.info('it began')\n    time.sleep(1)"
    )
    status = tmp_path / "status.json"
    with host(tmp_path, code, "--timer-status", str(status)) as started:
        started.sees("it began")
    assert '"yearly"' in status.read_text()


def test_a_worker_that_keeps_dying_stops_the_host(tmp_path: Path):
    code = (
        "import azure.functions as f, os\napp = f.FunctionApp()\n"
        '@app.timer_trigger("t", "* * * * * *")\ndef a(t): os._exit(9)'
    )
    with host(tmp_path, code, "--worker-restarts", "1") as started:
        assert ended(started) == 1
        assert started.log.count("Language Worker Process exited: python, code 9") == 2
        assert "Exceeded language worker restart retry count for runtime:python." in started.log
