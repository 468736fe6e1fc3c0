"""The fallback where no OCI runtime works: a chroot in namespaces of its own, without capabilities."""

import ctypes
import fcntl
import functools
import os
import resource
import socket
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from local.tasks import limits
from local.tasks.layout import HOSTS
from local.tasks.leash import hold

if TYPE_CHECKING:
    from local.tasks.nested import Container

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_LAST_CAPABILITY = 40  # CAP_CHECKPOINT_RESTORE
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_libc = ctypes.CDLL(None, use_errno=True)


def run(container: "Container", rootfs: Path) -> int:
    """Run the container to its end and return its exit code.

    Not enforced here: seccomp; memory and processes only as far as local/tasks/limits.py can.
    """
    network = os.CLONE_NEWNET if container.network == "none" else 0
    return hold(
        os.CLONE_NEWIPC | os.CLONE_NEWUTS | network, functools.partial(_inside, container, rootfs)
    )


def _inside(container: "Container", rootfs: Path) -> None:
    """Be the container's first process: ends in its command, or raises OSError."""
    if container.network == "none":
        _raise_loopback()
    group = f"{os.environ['BREAKWATER_CGROUP']}/{container.hostname}"
    limits.confine(group, memory=container.memory, pids=container.pids)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    _furnish(container, rootfs)
    os.chroot(rootfs)
    os.chdir("/")
    os.makedirs(container.directory, exist_ok=True)
    os.chdir(container.directory)
    _give_up_privileges(container)
    environment = {"HOME": "/" if container.uid else "/root"}
    environment |= dict(item.partition("=")[::2] for item in container.env)
    os.execvpe(container.argv[0], container.argv, environment)  # noqa: S606 - the container's own command


def _raise_loopback() -> None:
    """Bring `lo` up: a new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        up_and_running = 0x41
        request = struct.pack("16sh14x", b"lo", up_and_running)
        fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS


def _furnish(container: "Container", rootfs: Path) -> None:
    """Mount what a container needs; every target must lie inside the root, links followed."""
    _mount("--make-rprivate", "/")
    _mount("--bind", str(rootfs), str(rootfs))
    devices = _target(rootfs, "/dev", folder=True)
    _mount("-t", "tmpfs", "-o", "mode=755,nosuid", "dev", str(devices))
    for name in _DEVICES:
        (devices / name).touch()
        _mount("--bind", f"/dev/{name}", str(devices / name))
    (devices / "fd").symlink_to("/proc/self/fd")
    _mount(
        "-t",
        "proc",
        "-o",
        "nosuid,noexec,nodev",
        "proc",
        str(_target(rootfs, "/proc", folder=True)),
    )
    _mount("--bind", "-o", "ro", "/proc/sys", str(rootfs / "proc/sys"))
    binds = [(HOSTS, "/etc/hosts", True)]
    binds += [("/etc/resolv.conf", "/etc/resolv.conf", True)] * (container.network == "host")
    binds += [(mount.source, mount.target, mount.read_only) for mount in container.mounts]
    for path in container.tmpfs:
        target = _target(rootfs, path, folder=True)
        _mount("-t", "tmpfs", "-o", "mode=1777,nosuid,nodev,size=256m", "tmpfs", str(target))
    for source, path, read_only in binds:
        target = _target(rootfs, path, folder=Path(source).is_dir())
        _mount("--bind", source, str(target))
        _mount("-o", f"remount,bind,nosuid,nodev{',ro' if read_only else ''}", str(target))
    if container.read_only:
        _mount("-o", "remount,bind,ro", str(rootfs))


def _target(rootfs: Path, path: str, *, folder: bool) -> Path:
    target = (rootfs / path.lstrip("/")).resolve()
    if not target.is_relative_to(rootfs.resolve()):
        message = f"expected {path} inside the image, found a link that leads out of it"
        raise OSError(message)
    if folder:
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(exist_ok=True)
    return target


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())


def _give_up_privileges(container: "Container") -> None:
    """Leave every group, capability and privilege the container was not given."""
    # a chroot is no prison for who may chroot again or make devices
    kept = container.capabilities - {"CAP_SYS_CHROOT", "CAP_MKNOD"}
    numbers = {_NUMBERS[name] for name in kept}
    for number in range(_LAST_CAPABILITY + 1):
        if number not in numbers:
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    os.setgroups([])
    os.setgid(container.gid)
    os.setuid(container.uid)
    _set_capabilities(numbers if container.uid == 0 else set())
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _set_capabilities(numbers: set[int]) -> None:
    """Call capset(2): effective and permitted as given, nothing inheritable."""
    bits = sum(1 << number for number in numbers)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    data = struct.pack("6I", low, low, 0, high, high, 0)
    if _libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


# linux/capability.h, those docker grants by default
_NUMBERS = {
    "CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_FSETID": 4, "CAP_KILL": 5, "CAP_SETGID": 6,
    "CAP_SETUID": 7, "CAP_SETPCAP": 8, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13, "CAP_SYS_CHROOT": 18,
    "CAP_MKNOD": 27, "CAP_AUDIT_WRITE": 29, "CAP_SETFCAP": 31,
}  # fmt: skip
