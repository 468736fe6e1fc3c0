"""A container as the OCI runtime spec describes it (config.json), with docker's defaults."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.tasks import seccomp
from local.tasks.layout import HOSTS

if TYPE_CHECKING:
    from local.tasks.nested import Container

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What docker grants a container unasked (moby, oci/caps/defaults.go).
DEFAULT_CAPABILITIES = frozenset(
    f"CAP_{name}"
    for name in (
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    )
)  # fmt: skip

_MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
)  # fmt: skip
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_TMPFS_BYTES = 256 << 20
_NOBODY = 65534


def runtime_config(container: "Container", rootfs: Path, cgroup: str) -> dict[str, Any]:
    """Return the config.json of a container whose cgroup is `cgroup` (a path below every controller)."""
    capabilities = sorted(container.capabilities)
    namespaces = ["pid", "mount", "ipc", "uts"] + ["network"] * (container.network == "none")
    resources: dict[str, Any] = {"devices": [{"allow": False, "access": "rwm"}]}
    if container.memory:
        # swap is memory and swap together: no swap beyond the limit
        resources["memory"] = {"limit": container.memory, "swap": container.memory}
    if container.pids:
        resources["pids"] = {"limit": container.pids}
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": container.uid, "gid": container.gid},
            "args": list(container.argv),
            "env": list(container.env),
            "cwd": container.directory,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}],
            "noNewPrivileges": container.no_new_privileges,
        },
        "root": {"path": str(rootfs), "readonly": container.read_only},
        "hostname": container.hostname,
        "mounts": _mounts(container),
        "linux": {
            "namespaces": [{"type": name} for name in namespaces],
            "cgroupsPath": cgroup,
            "resources": resources,
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_READ_ONLY),
            **seccomp.profile(container.capabilities),
        },
    }


def _mounts(container: "Container") -> list[dict[str, Any]]:
    mounts = [
        _fs("/proc", "proc", "nosuid", "noexec", "nodev"),
        _fs("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _fs("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        _fs("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),  # noqa: S108 - in the container
        _fs("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        _fs("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        _bind("/etc/hosts", HOSTS, read_only=True),
    ]
    if container.network == "host":
        mounts.append(_bind("/etc/resolv.conf", "/etc/resolv.conf", read_only=True))
    mounts += [
        _fs(path, "tmpfs", "nosuid", "nodev", "mode=1777", f"size={_TMPFS_BYTES}")
        for path in container.tmpfs
    ]
    mounts += [
        _bind(mount.target, mount.source, read_only=mount.read_only) for mount in container.mounts
    ]
    return mounts


def _fs(target: str, kind: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": kind, "options": list(options)}


def _bind(target: str, source: str, *, read_only: bool) -> dict[str, Any]:
    options = ["rbind", "nosuid", "nodev", "ro" if read_only else "rw"]
    return {"destination": target, "type": "bind", "source": source, "options": options}


def identity(user: str, rootfs: Path) -> tuple[int, int]:
    """Return uid and gid of docker's USER text (`name`, `uid`, `name:group`), by the image's own files.

    A name the image does not know counts as nobody (65534), never as root.
    """
    name, _, group = user.partition(":")
    if not name:
        return 0, 0
    users = {row[0]: row for row in _rows(rootfs, "etc/passwd", columns=7)}
    known = users.get(name) or next((row for row in users.values() if row[2] == name), None)
    uid = int(name) if name.isdigit() else int(known[2]) if known else _NOBODY
    gid = int(known[3]) if known else 0 if name.isdigit() else _NOBODY
    if group:
        groups = {row[0]: row[2] for row in _rows(rootfs, "etc/group", columns=4)}
        gid = int(group) if group.isdigit() else int(groups.get(group, _NOBODY))
    return uid, gid


def _rows(rootfs: Path, path: str, columns: int) -> list[list[str]]:
    """Read a table of the image, unless a link leads out of it; ids are numbers in what is returned."""
    file = (rootfs / path).resolve()
    if not file.is_relative_to(rootfs.resolve()) or not file.is_file():
        return []
    lines = file.read_text("utf-8", errors="replace").splitlines()
    rows = [line.split(":") for line in lines]
    ids = slice(2, 4 if columns > len(("name", "password", "gid", "members")) else 3)
    return [row for row in rows if len(row) == columns and all(text.isdigit() for text in row[ids])]
