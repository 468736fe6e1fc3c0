"""An uploaded context (tar.gz), unpacked so that nothing lands outside its folder."""

import io
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

LARGEST = 256 * 1024 * 1024  # bytes, unpacked
MOST = 10_000  # members
_MODE = 0o755


class InvalidContext(ValueError):
    """The archive is no tar.gz, is too large, or holds what could escape its folder."""


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack files and folders of a tar.gz into `folder`, which must exist and be empty.

    Raises InvalidContext, naming the member; links, devices, absolute names and `..` are refused.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as members:
            _unpack(members, folder)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        message = f"context: expected a tar.gz archive, found {archive[:8]!r}… ({error})"
        raise InvalidContext(message) from error


def _unpack(members: tarfile.TarFile, folder: Path) -> None:
    left = LARGEST
    for count, member in enumerate(members, start=1):
        if count > MOST:
            message = f"context: expected at most {MOST} files, found more"
            raise InvalidContext(message)
        left -= member.size
        if left < 0:
            message = f"context: expected at most {LARGEST} bytes unpacked, found more"
            raise InvalidContext(message)
        target = folder / _inside(member.name)
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif member.isreg() and not member.issparse():
            content = members.extractfile(member)
            if content is None:
                message = f"context: {member.name}: expected a file's content, found none"
                raise InvalidContext(message)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                shutil.copyfileobj(content, out)
            target.chmod(member.mode & _MODE | 0o600)
        else:
            message = f"context: {member.name}: expected a file or a folder, found a link or device"
            raise InvalidContext(message)


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        message = f"context: expected a name inside the archive, found {name[:100]!r}"
        raise InvalidContext(message)
    return path


def read(folder: Path, name: str) -> str:
    """Read a text file of an unpacked context. Raises InvalidContext."""
    try:
        return (folder / _inside(name)).read_text()
    except (OSError, UnicodeDecodeError) as error:
        message = f"context: {name[:100]}: expected a text file, found none ({error})"
        raise InvalidContext(message) from error
