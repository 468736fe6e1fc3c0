"""Something to watch at the start: the app's own catalog, on the ports in use."""

import re
import shutil
from pathlib import Path

from local.platform.ports import Ports
from local.platform.principals import registry_ports


def catalog(app: Path, work: Path, ports: Ports) -> str | None:
    """Return the app's catalog with these ports in it; None where the app's own one fits as it is.

    The tests it names are copied beside it, into the work folder.
    """
    usual, chosen = registry_ports(Ports()), registry_ports(ports)
    moved = {str(usual[name]): str(chosen[name]) for name in usual if usual[name] != chosen[name]}
    file = app / "catalog.yaml"
    if not moved or not file.is_file():
        return None
    tests = app / "image-tests"
    if tests.is_dir():
        shutil.copytree(tests, work / tests.name, dirs_exist_ok=True)
    return re.sub(
        r"(?<=\blocalhost:)[0-9]+",
        lambda port: moved.get(port[0], port[0]),
        file.read_text("utf-8"),
    )
