"""Which system calls a container may make: the host's containers profile, turned into the runtime spec's form."""

import json
import platform
from collections.abc import Collection
from pathlib import Path
from typing import Any

PROFILE = Path("/usr/share/containers/seccomp.json")
# Docker lets nobody without CAP_SYS_ADMIN make namespaces or mounts; the containers project's profile is laxer.
_ADMIN_ONLY = frozenset(
    {
        "clone", "clone3", "unshare", "setns", "mount", "mount_setattr", "umount", "umount2", "pivot_root",
        "fsconfig", "fsmount", "fsopen", "fspick", "move_mount", "open_tree",
    }
)  # fmt: skip
_PLAIN_CLONE = {
    "names": ["clone"],
    "action": "SCMP_ACT_ALLOW",
    # none of the CLONE_NEW… flags (moby, profiles/seccomp/default.json)
    "args": [{"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def profile(capabilities: Collection[str], file: Path = PROFILE) -> dict[str, Any]:
    """Return `{"seccomp": …}` for a container with these capabilities; `{}` where the host has no profile."""
    if not file.exists():
        return {}
    source = json.loads(file.read_text("utf-8"))
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    calls = [
        {key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key)}
        for rule in source["syscalls"]
        if _applies(rule, frozenset(capabilities), machine)
    ]
    if "CAP_SYS_ADMIN" not in capabilities:
        calls = [rule | {"names": sorted({*rule["names"]} - _ADMIN_ONLY)} for rule in calls]
        calls = [rule for rule in calls if rule["names"]] + [_PLAIN_CLONE]
    return {
        "seccomp": {
            "defaultAction": source["defaultAction"],
            "defaultErrnoRet": source.get("defaultErrnoRet", 1),
            "architectures": _architectures(source, machine),
            "syscalls": calls,
        }
    }


def _applies(rule: dict[str, Any], capabilities: frozenset[str], machine: str) -> bool:
    """Judge a rule's `includes` (all of them) and `excludes` (none of them)."""
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    wanted, unwanted = set(includes.get("caps") or ()), set(excludes.get("caps") or ())
    here, not_here = includes.get("arches") or (), excludes.get("arches") or ()
    if wanted - capabilities or unwanted & capabilities:
        return False
    return (not here or machine in here) and machine not in not_here


def _architectures(source: dict[str, Any], machine: str) -> list[str]:
    names = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"}
    for row in source.get("archMap") or ():
        if row["architecture"] == names.get(machine):
            return [row["architecture"], *row.get("subArchitectures", ())]
    return []
