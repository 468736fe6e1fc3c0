"""The context of a test run: one script in a tar.gz that is the same bytes every time."""

import gzip
import io
import tarfile

NAME = "test.sh"


def packed(script: bytes) -> bytes:
    """Return the archive with the script at its root, as `test.sh`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(NAME)
        entry.size, entry.mode = len(script), 0o755
        tar.addfile(entry, io.BytesIO(script))
    return gzip.compress(archive.getvalue(), mtime=0)
