"""Sample images are real images, and the same every time."""

import gzip
import io
import json
import subprocess
import sys
import tarfile

import pytest

from local.images import ApkPackage, Built, DpkgPackage, host_busybox, image
from shared.oci.digest import Digest
from shared.oci.manifest import parse
from shared.oci.platform import Platform


def build(**changes: object) -> Built:
    given: dict[str, object] = {
        "busybox": b"\x7fELF not run here",
        "files": {"/srv/www/index.html": b"hello", "/usr/bin/start": b"#!/bin/sh\n"},
        "env": {"BACKGROUND_COLOR": "white"},
        "apk": [ApkPackage("libssl3", "3.1.4-r5", "openssl")],
        "cmd": ["httpd", "-f"],
        "labels": {"b": "2", "a": "1"},
    }
    return image(**given | changes)  # type: ignore[arg-type] # one table of changes for every test


def members(
    built: Built, platform: str = "linux/amd64"
) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    found = {}
    for layer in parse(built.manifests[platform]).layers:
        content = gzip.decompress(built.blobs[str(layer.digest)])
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                read = tar.extractfile(member) if member.isreg() else None
                found[f"/{member.name}"] = (member, read.read() if read else b"")
    return found


def config(built: Built, platform: str = "linux/amd64") -> dict[str, object]:
    described = parse(built.manifests[platform]).config
    assert described is not None
    found = json.loads(built.blobs[str(described.digest)])
    assert isinstance(found, dict)
    return found


def test_the_same_bytes_in_give_the_same_digests_out() -> None:
    assert build() == build()


def test_another_process_builds_the_same_digests() -> None:
    script = "from local.images import image; print(image(busybox=b'x', env={'A': '1'}).digest)"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {str(image(busybox=b"x", env={"A": "1"}).digest)}


def test_any_change_gives_another_digest() -> None:
    digests = {
        build().digest,
        build(env={"BACKGROUND_COLOR": "red"}).digest,
        build(files={}).digest,
        build(apk=[ApkPackage("libssl3", "3.1.4-r6", "openssl")]).digest,
        build(labels={}).digest,
        build(busybox=b"another").digest,
    }
    assert len(digests) == 6


def test_every_descriptor_names_bytes_that_are_there() -> None:
    built = build()
    index = parse(built.index)
    assert set(index.platforms()) == {Platform("linux", "amd64"), Platform("linux", "arm64")}
    raws = {str(Digest.of(raw)): raw for raw in built.manifests.values()}
    for child in index.manifests:
        manifest = parse(raws[str(child.digest)])
        assert child.size == len(manifest.raw)
        assert manifest.config is not None
        for each in (manifest.config, *manifest.layers):
            assert each.size == len(built.blobs[str(each.digest)])


def test_the_config_names_the_layers_contents_and_the_settings() -> None:
    built = build()
    described = config(built)
    layers = [
        gzip.decompress(built.blobs[str(layer.digest)])
        for layer in parse(built.manifests["linux/amd64"]).layers
    ]
    assert described["rootfs"] == {
        "type": "layers",
        "diff_ids": [str(Digest.of(layer)) for layer in layers],
    }
    assert (described["os"], described["architecture"]) == ("linux", "amd64")
    settings = described["config"]
    assert isinstance(settings, dict)
    assert "BACKGROUND_COLOR=white" in settings["Env"]
    assert settings["Cmd"] == ["httpd", "-f"]
    assert settings["Labels"] == {"a": "1", "b": "2"}


def test_the_root_file_system_can_run_a_shell() -> None:
    held = members(build())
    assert held["/bin/busybox"][0].mode == 0o755
    assert held["/bin/sh"][0].linkname == "busybox"
    assert held["/tmp"][0].mode == 0o1777
    assert b"nobody:x:65534" in held["/etc/passwd"][1]
    assert b"root:x:0" in held["/etc/group"][1]
    assert held["/usr/bin/start"][0].mode == 0o755
    assert held["/srv/www/index.html"][0].mode == 0o644
    assert held["/srv/www"][0].isdir()


def test_alpine_packages_are_recorded_as_apk_records_them() -> None:
    held = members(build(), "linux/arm64")
    assert b"ID=alpine" in held["/etc/os-release"][1]
    record = held["/lib/apk/db/installed"][1].decode()
    assert record.startswith("C:Q1")
    assert record.endswith("\n\n")
    lines = record.splitlines()
    assert {"P:libssl3", "V:3.1.4-r5", "A:aarch64", "o:openssl"} <= set(lines)


def test_debian_packages_are_recorded_as_dpkg_records_them() -> None:
    packages = [DpkgPackage("libssl3", "3.0.11-1~deb12u2", "openssl"), DpkgPackage("tar", "1.34")]
    held = members(build(apk=[], dpkg=packages))
    assert b"ID=debian" in held["/etc/os-release"][1]
    first, second = held["/var/lib/dpkg/status"][1].decode().strip().split("\n\n")
    assert "Package: libssl3\nStatus: install ok installed\n" in first
    assert "Source: openssl\n" in first
    assert "Version: 3.0.11-1~deb12u2\n" in first
    assert "Source:" not in second
    assert "Architecture: amd64\n" in second


def test_an_image_is_alpine_or_debian_not_both() -> None:
    with pytest.raises(ValueError, match="expected apk or dpkg packages, found 1 and 1"):
        build(dpkg=[DpkgPackage("tar", "1.34")])


def test_the_hosts_busybox_is_taken_and_is_static() -> None:
    assert host_busybox().startswith(b"\x7fELF")
