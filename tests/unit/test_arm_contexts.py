"""An uploaded context lands in its folder and nowhere else."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from local.arm import contexts
from local.arm.contexts import InvalidContext, unpack


def archive(*members: Any, mode: Any = "w:gz") -> bytes:
    """Make a tar of (name, content or a ready TarInfo) pairs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    folder = special("./sub", tarfile.DIRTYPE)
    script = tarfile.TarInfo("sub/test.sh")
    script.mode = 0o4755
    unpack(archive((folder, b""), (script, b"exit 0"), ("./Dockerfile", b"FROM x")), tmp_path)
    assert (tmp_path / "sub/test.sh").read_bytes() == b"exit 0"
    assert (tmp_path / "sub/test.sh").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "Dockerfile").read_bytes() == b"FROM x"


@pytest.mark.parametrize(
    "member",
    [
        "/etc/passwd",
        "../outside",
        "a/../../outside",
        "a\\..\\b",
        special("link", tarfile.SYMTYPE, "/etc"),
        special("hard", tarfile.LNKTYPE, "/etc/passwd"),
        special("device", tarfile.CHRTYPE),
        special("pipe", tarfile.FIFOTYPE),
        special("sparse", tarfile.GNUTYPE_SPARSE),
    ],
)
def test_what_could_leave_the_folder_is_refused(member: Any, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    with pytest.raises(InvalidContext):
        unpack(archive((member, b"")), inside)
    assert [path for path in tmp_path.rglob("*") if path != inside] == []


def test_an_archive_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "LARGEST", 1000)
    unpack(archive(("a", b"x" * 1000)), tmp_path)
    with pytest.raises(InvalidContext, match="1000 bytes"):
        unpack(archive(("a", b"x" * 600), ("b", b"x" * 600)), tmp_path)


def test_an_archive_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "MOST", 2)
    with pytest.raises(InvalidContext, match="2 files"):
        unpack(archive(("a", b""), ("b", b""), ("c", b"")), tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", archive(("a", b"x"), mode="w"), archive(("a", b"x" * 99))[:-20]],
    # A gzip holds the time, so its bytes name no test: two workers would collect two different ones.
    ids=["empty", "text", "not compressed", "cut off"],
)
def test_what_is_no_tar_gz_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidContext, match=r"tar\.gz"):
        unpack(content, tmp_path)


def test_a_file_of_the_context_is_read_from_inside_it_only(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret").write_text("no")
    (inside / "acb.yaml").write_text("steps: []")
    assert contexts.read(inside, "acb.yaml") == "steps: []"
    for name in ("../secret", str(tmp_path / "secret"), "absent", "."):
        with pytest.raises(InvalidContext):
            contexts.read(inside, name)
