"""The command lines of the stand-ins: what they take, and how they refuse the rest."""

import json
from datetime import UTC, datetime

import pytest

from local.tools import flags, oras, trivy
from local.tools.errors import ToolError
from shared.oci import media_types
from shared.oci.digest import Digest
from shared.oci.manifest import parse

SCAN = ["image", "--image-src", "remote", "--scanners", "vuln", "--format", "json"]
IMAGE = f"localhost:5000/library/node@sha256:{'a' * 64}"


def test_flags_take_values_switches_and_the_rest():
    found = flags.parse(
        ["--a", "1", "x", "--a=2", "-q", "--on=false", "--", "--y"],
        valued=frozenset({"a"}),
        switches=frozenset({"quiet", "on"}),
        short={"q": "quiet"},
    )
    assert found.all("a") == ("1", "2")
    assert found.one("a") == "2"
    assert found.on("quiet")
    assert not found.on("on")
    assert found.positional == ("x", "--y")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--b"], "unknown flag: --b"),
        (["--b=1"], "unknown flag: --b"),
        (["-z"], "unknown flag: -z"),
        (["-quiet"], "unknown flag: -quiet"),
        (["--a"], "flag needs an argument: --a"),
        (["--quiet=maybe"], "expected true or false"),
    ],
)
def test_flags_refuse_by_name(words, fault):
    with pytest.raises(ToolError, match=fault):
        flags.parse(words, valued=frozenset({"a"}), switches=frozenset({"quiet"}))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "unknown command 'nothing'"),
        (["fs", "."], "unknown command 'fs'"),
        (["image", "--exit-code", "1", IMAGE], "unknown flag: --exit-code"),
        (["image", IMAGE], "--image-src: the stand-in only does 'remote'"),
        (["image", "--image-src", "docker", IMAGE], "--image-src: .*found 'docker'"),
        ([*SCAN[:3], "--scanners", "vuln,secret", "--format", "json", IMAGE], "--scanners: .*'vuln,secret'"),
        ([*SCAN[:5], "--format", "table", IMAGE], "--format: .*'table'"),
        (SCAN, "expected one image, found 0"),
        ([*SCAN, IMAGE, IMAGE], "expected one image, found 2"),
        ([*SCAN, "localhost:5000/library/node:9"], "expected an image like host/repository@sha256"),
        ([*SCAN, "node@sha256:abc"], "expected an image like host/repository@sha256"),
        ([*SCAN, "--platform", "Amiga", IMAGE], "expected a platform like linux/amd64"),
    ],
)  # fmt: skip
def test_trivy_refuses_what_it_does_not_do_by_name(words, fault, capsys):
    assert trivy.main(words) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("FATAL\t")
    assert pytest.raises(ToolError, match=fault).matches(ToolError(shown.err))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "unknown command 'nothing'"),
        (["manifest", "fetch", IMAGE], "unknown command 'manifest'"),
        (["attach", "--oci-layout", IMAGE], "unknown flag: --oci-layout"),
        (["attach", IMAGE, "a.json"], 'required flag\\(s\\) "artifact-type" not set'),
        (["attach", "--artifact-type", "a/b"], "found nothing"),
        (["attach", "--artifact-type", "a/b", IMAGE], "neither file nor annotation"),
        (["attach", "--artifact-type", "a/b", "--annotation", "k", IMAGE, "a"], "key=value, found 'k'"),
        (["attach", "--artifact-type", "a/b", IMAGE, "/etc/hostname"], "use --disable-path-validation"),
        (["attach", "--artifact-type", "a/b", IMAGE, "../a"], "use --disable-path-validation"),
        (["attach", "--artifact-type", "a/b", IMAGE, "absent.json"], "failed to load absent.json"),
    ],
)  # fmt: skip
def test_oras_refuses_what_it_does_not_do_by_name(words, fault, capsys):
    assert oras.main(words) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Error: ")
    assert pytest.raises(ToolError, match=fault).matches(ToolError(shown.err))


def test_both_say_that_they_are_stand_ins(capsys):
    assert (trivy.main(["version"]), oras.main(["version"])) == (0, 0)
    assert capsys.readouterr().out.count("stand-in") == 2


@pytest.mark.parametrize(
    ("text", "expected"), [("300s", 300), ("5m0s", 300), ("1h", 3600), ("1h1m1s", 3661)]
)
def test_a_timeout_is_a_go_duration(text, expected):
    assert trivy.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "-5s", "5 s", "5s\n"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ToolError, match="--timeout"):
        trivy.seconds(text)


SUBJECT = parse(json.dumps({"mediaType": media_types.OCI_MANIFEST, "layers": []}).encode())
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_an_artifact_is_packed_as_oras_packs_it():
    file = oras.File("report.json", "application/json", b"{ }")
    raw = oras.pack("application/x", [file], SUBJECT, {"k": "v"}, NOW)
    found = parse(raw, media_types.OCI_MANIFEST)
    assert found.artifact_type == "application/x"
    assert found.subject == SUBJECT.descriptor
    assert found.config is not None
    assert found.config.media_type == media_types.OCI_EMPTY
    assert found.config.digest == Digest.of(b"{}")
    (layer,) = found.layers
    assert (layer.media_type, layer.digest, layer.size) == (
        "application/json",
        Digest.of(b"{ }"),
        3,
    )
    assert layer.annotations == {"org.opencontainers.image.title": "report.json"}
    assert found.annotations == {
        "org.opencontainers.image.created": "2026-11-23T12:00:00Z",
        "k": "v",
    }


def test_an_artifact_without_files_has_the_empty_layer():
    found = parse(oras.pack("application/x", [], SUBJECT, {"k": "v"}, NOW))
    assert [layer.media_type for layer in found.layers] == [media_types.OCI_EMPTY]
