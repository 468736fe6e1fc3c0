"""The stand-ins as processes, against the local registry over TLS, in a bare environment."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from local import images
from local.acr.registry import Registry, Switches
from local.directory import Directory
from local.faults import Faults
from local.platform import ca
from shared.oci.digest import Digest
from shared.oci.manifest import parse
from tests.contract.waiting import PATIENCE

CHECKOUT = Path(__file__).parents[2]
BIN = CHECKOUT / "local/tools/bin"
REPORT = "application/vnd.breakwater.report.trivy.v1+json"
OPENSSL = ("openssl", "libssl3", "libcrypto3")


@dataclass
class World:
    """A registry behind TLS, the identities that may use it, and a folder for everything else."""

    registry: Registry
    directory: Directory
    authority: ca.Authority
    folder: Path

    def login(self, role: str | None) -> Path:
        """A docker config folder of an identity with this role."""
        folder = self.folder / f"docker-{role}"
        folder.mkdir(exist_ok=True)
        auths = {}
        if role:
            principal = self.directory.add(f"task-{role}")
            self.directory.grant(principal, self.registry.name, role)
            auth = self.directory.docker_auth(principal, self.registry.login_server)
            auths = {self.registry.login_server: {"auth": auth}}
        (folder / "config.json").write_text(json.dumps({"auths": auths}))
        return folder

    def run(
        self, tool: str, *words: str, role: str | None = "AcrPush", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a stand-in with nothing but what it says it reads."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        clean = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(work),
            "TMPDIR": str(work),
            "DOCKER_CONFIG": str(self.login(role)),
            "REQUESTS_CA_BUNDLE": str(self.authority.bundle),
            "BREAKWATER_SBOM_CACHE": str(self.folder / "sboms"),
        }
        return subprocess.run(
            [str(BIN / tool), *words],
            cwd=work,
            env=clean | environment,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )

    def scan(
        self, digest: Digest | str, platform: str, **more: str
    ) -> subprocess.CompletedProcess[str]:
        reference = f"{self.registry.login_server}/library/node@{digest}"
        words = ["image", "--image-src", "remote", "--platform", platform, "--scanners", "vuln"]
        words += ["--format", "json", "--quiet", "--output", "report.json", "--skip-version-check"]
        words += [
            "--db-repository",
            "localhost/tools/trivy-db:2",
            "--offline-scan",
            "--timeout",
            "300s",
        ]
        return self.run("trivy", *words, reference, **more)

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "work/report.json").read_text())
        return found


def serve(world: World) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    """Serve the registry from a thread of its own until its loop is stopped."""
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(world.registry.app())
        await runner.setup()
        site = web.TCPSite(runner, "localhost", 0, ssl_context=world.authority.server_context())
        await site.start()
        port = runner.addresses[0][1]
        world.registry.login_server = f"localhost:{port}"
        started.set()
        return runner

    def main() -> None:
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=main)
    thread.start()
    assert started.wait(PATIENCE)
    return loop, thread


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tools")
    directory = Directory()
    registry = Registry("contosostaging", "", directory, switches=Switches(), faults=Faults())
    found = World(registry, directory, ca.create(folder / "ca"), folder)
    loop, thread = serve(found)
    yield found
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)


def build(version: str) -> images.Built:
    packages = [images.ApkPackage(name, version, "openssl") for name in OPENSSL]
    packages += [images.ApkPackage("musl", "1.2.4_git20230717-r4")]
    packages += [images.ApkPackage("busybox", "1.36.1-r19")]
    return images.image(apk=packages)


@pytest.fixture(scope="module")
def vulnerable(world: World) -> images.Built:
    built = build("3.1.4-r5")
    images.push(built, world.registry, "library/node", "bad")
    return built


def severities(report: dict[str, Any]) -> set[str]:
    return {each["Severity"] for each in report["Results"][0].get("Vulnerabilities", [])}


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_a_platform_s_manifest_is_scanned_by_its_digest(world, vulnerable, platform):
    digest = vulnerable.platform_digest(platform)
    done = world.scan(digest, platform)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    report = world.report()
    reference = f"{world.registry.login_server}/library/node@{digest}"
    assert report["ArtifactName"] == reference
    assert report["Metadata"]["RepoDigests"] == [reference]
    assert report["Metadata"]["ImageConfig"]["architecture"] == platform.partition("/")[2]
    manifest = parse(vulnerable.manifests[platform])
    assert manifest.config is not None
    assert report["Metadata"]["ImageID"] == str(manifest.config.digest)
    findings = report["Results"][0]["Vulnerabilities"]
    critical = {(each["VulnerabilityID"], each["PkgName"], each["FixedVersion"]) for each in findings
                if each["Severity"] == "CRITICAL"}  # fmt: skip
    assert critical == {("CVE-2024-5535", name, "3.1.6-r0") for name in OPENSSL}
    assert findings[0]["Layer"]["DiffID"] in report["Metadata"]["DiffIDs"]
    assert findings[0]["PkgIdentifier"]["PURL"].startswith("pkg:apk/alpine/")


def test_an_index_is_scanned_for_the_platform_asked_for(world, vulnerable):
    done = world.scan(vulnerable.digest, "linux/arm64")
    assert done.returncode == 0, done.stderr
    arm64 = vulnerable.platform_digest("linux/arm64")
    assert world.report()["Metadata"]["RepoDigests"][0].endswith(f"@{arm64}")


def test_the_fixed_version_is_clean(world):
    built = build("3.1.8-r0")
    images.push(built, world.registry, "library/node", "good")
    done = world.scan(built.platform_digest("linux/amd64"), "linux/amd64")
    assert done.returncode == 0, done.stderr
    assert severities(world.report()) == set()


def test_a_debian_image_is_matched_by_source_package(world):
    packages = [
        images.DpkgPackage("libssl3", "3.0.11-1~deb12u2", "openssl"),
        images.DpkgPackage("zlib1g", "1:1.2.13.dfsg-1", "zlib"),
    ]
    built = images.image(dpkg=packages, platforms=["linux/amd64"])
    images.push(built, world.registry, "library/node", "debian")
    done = world.scan(built.platform_digest("linux/amd64"), "linux/amd64")
    assert done.returncode == 0, done.stderr
    findings = world.report()["Results"][0]["Vulnerabilities"]
    found = {(each["VulnerabilityID"], each["PkgName"], each["Status"]) for each in findings}
    assert found == {
        ("CVE-2024-5535", "libssl3", "fixed"),
        ("CVE-2024-6119", "libssl3", "fixed"),
        ("CVE-2023-45853", "zlib1g", "affected"),
    }


def test_a_kept_sbom_saves_syft_but_not_the_right_to_pull(world, vulnerable):
    digest = vulnerable.platform_digest("linux/amd64")
    assert world.scan(digest, "linux/amd64").returncode == 0
    kept = world.folder / f"sboms/sha256-{digest.hex}.json"
    assert kept.is_file()
    denied = world.scan(digest, "linux/amd64", role=None)
    assert denied.returncode == 1
    assert "response status code 401" in denied.stderr


def test_a_kept_sbom_of_another_manifest_is_not_believed(world, vulnerable, tmp_path):
    amd64 = vulnerable.platform_digest("linux/amd64")
    arm64 = vulnerable.platform_digest("linux/arm64")
    assert world.scan(arm64, "linux/arm64").returncode == 0
    raw = (world.folder / f"sboms/sha256-{arm64.hex}.json").read_bytes()
    (tmp_path / f"sha256-{amd64.hex}.json").write_bytes(raw)
    done = world.scan(amd64, "linux/amd64", BREAKWATER_SBOM_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert f"expected an SBOM of {amd64}" in done.stderr


def test_another_platform_than_the_manifest_s_is_refused(world, vulnerable):
    done = world.scan(vulnerable.platform_digest("linux/amd64"), "linux/arm64")
    assert done.returncode == 1
    assert "expected an image for linux/arm64, found one for linux/amd64" in done.stderr
    absent = world.scan(vulnerable.digest, "linux/s390x")
    assert "no image for platform linux/s390x in the index" in absent.stderr


def test_an_absent_image_is_an_error_with_the_registry_s_words(world, vulnerable):
    done = world.scan(Digest.of(b"absent"), "linux/amd64")
    assert done.returncode == 1
    assert "response status code 404: MANIFEST_UNKNOWN" in done.stderr


def test_an_unknown_ca_is_refused(world, vulnerable):
    digest = vulnerable.platform_digest("linux/amd64")
    done = world.scan(
        digest, "linux/amd64", REQUESTS_CA_BUNDLE="/etc/ssl/certs/ca-certificates.crt"
    )
    assert done.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


def attach(world: World, subject: Digest, **more: Any) -> subprocess.CompletedProcess[str]:
    (world.folder / "work").mkdir(exist_ok=True)
    (world.folder / "work/report.json").write_text('{"SchemaVersion": 2}')
    words = ["attach", "--artifact-type", REPORT, "--annotation", "io.breakwater.candidate=abc"]
    words += [
        "--annotation=io.breakwater.platform=linux/amd64",
        "--export-manifest",
        "manifest.json",
    ]
    reference = f"{world.registry.login_server}/library/node@{subject}"
    return world.run("oras", *words, reference, "report.json:application/json", **more)


def test_an_attached_report_is_listed_as_a_referrer_and_exported_as_pushed(world, vulnerable):
    subject = vulnerable.platform_digest("linux/amd64")
    done = attach(world, subject)
    assert (done.returncode, done.stderr) == (0, "")
    exported = (world.folder / "work/manifest.json").read_bytes()
    digest = Digest.of(exported)
    reference = f"{world.registry.login_server}/library/node@{subject}"
    assert done.stdout.splitlines()[-2:] == [
        f"Attached to [registry] {reference}",
        f"Digest: {digest}",
    ]
    listed = world.registry.referrers("library/node", str(subject))
    (found,) = [each for each in listed if each["digest"] == str(digest)]
    assert found["artifactType"] == REPORT
    assert found["annotations"]["io.breakwater.candidate"] == "abc"
    stored = world.registry.manifest("library/node", str(digest))
    assert stored is not None
    assert stored.raw == exported
    manifest = parse(exported)
    assert manifest.subject is not None
    assert manifest.subject.size == len(vulnerable.manifests["linux/amd64"])
    (layer,) = manifest.layers
    assert world.registry.blob("library/node", str(layer.digest)) == b'{"SchemaVersion": 2}'


def test_attaching_twice_uploads_the_same_file_once(world, vulnerable):
    subject = vulnerable.platform_digest("linux/arm64")
    attach(world, subject)
    assert attach(world, subject).stdout.startswith("Exists ")


def test_a_pull_only_identity_cannot_attach(world, vulnerable):
    done = attach(world, vulnerable.platform_digest("linux/amd64"), role="AcrPull")
    assert done.returncode == 1
    assert "response status code 40" in done.stderr
    assert "Attached" not in done.stdout


def test_an_identity_token_is_traded_for_access(world, vulnerable, tmp_path):
    principal = world.directory.add("someone-with-a-refresh-token")
    world.directory.grant(principal, world.registry.name, "AcrPush")
    host = world.registry.login_server
    token = world.directory.token(principal, host, grant_type="refresh_token")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"identitytoken": token}}}))
    subject = vulnerable.platform_digest("linux/amd64")
    done = attach(world, subject, DOCKER_CONFIG=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_an_absent_subject_is_refused(world):
    done = attach(world, Digest.of(b"absent"))
    assert done.returncode == 1
    assert "404" in done.stderr
