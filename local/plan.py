"""`make plan`: the plan, asked of the local Azure that runs where no setting names another one."""

import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from handlers import plan
from local.__main__ import WORK
from local.functions_host.settings import SettingsError, read_settings
from local.platform.claim import Claim
from shared.errors import Misconfigured

_STORAGE = "AzureWebJobsStorage__"  # a shell may well have an AZURE_SUBSCRIPTION_ID for other ends
_HINT = """
Set these as the function app has them (local.settings.sample.json lists every setting), with
AZURE_TOKEN_CREDENTIALS=dev where you are signed in by `az login`. Or start a local Azure with
`make up`: its settings are used where none are set."""


def main(
    arguments: Sequence[str] | None = None,
    environment: MutableMapping[str, str] = os.environ,
    work: Path = WORK,
) -> int:
    """Print the plan and return its exit code; 2 as well where nothing says which Azure to ask."""
    given = sys.argv[1:] if arguments is None else arguments
    if any(name.startswith(_STORAGE) for name in environment) or {"-h", "--help"} & set(given):
        return plan.main(given)
    try:
        found = _become_the_local_app(environment, work)
    except (Misconfigured, SettingsError) as error:
        print(error, file=sys.stderr)
        return plan.INVALID
    if found:
        print(f"Asking the local Azure in {work}.", file=sys.stderr)
        return plan.main(given)
    code = plan.main(given)  # names every setting that is missing
    print(_HINT, file=sys.stderr)
    return code


def _become_the_local_app(environment: MutableMapping[str, str], work: Path) -> bool:
    """Take over the settings `up` wrote, identity and trust included; False if none is running.

    Raises Misconfigured while it starts, SettingsError when its settings cannot be read.
    """
    claim = Claim(work)
    if not claim.taken():
        return False
    if "control" not in claim.note():
        message = f"the local Azure in {work} is still starting; try again when it says it is up"
        raise Misconfigured(message)
    values = read_settings(work / "local.settings.json").values
    # Credentials of a real Azure would be tried before the local identity.
    for name in [each for each in environment if each.startswith("AZURE_")]:
        del environment[name]
    environment.update(values)
    return True


if __name__ == "__main__":
    sys.exit(main())
