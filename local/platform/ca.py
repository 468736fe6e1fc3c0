"""The local certificate authority, its one server certificate, and how every process comes to trust it."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme

HOSTS = ("localhost", "127.0.0.1", "::1")
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


@dataclass(frozen=True, slots=True)
class Authority:
    """Where the certificates lie. `directory` suits skopeo's and buildah's `--cert-dir`."""

    certificate: Path  # the CA alone
    bundle: Path  # the system's CAs and ours: what a process trusts
    server: Path  # the server's certificate chain
    key: Path  # the server's private key
    directory: Path  # holds nothing but ca.crt

    def environment(self) -> dict[str, str]:
        """Return the variables that make requests, curl, aiohttp, Go and Node trust the local CA.

        One bundle for all, because REQUESTS_CA_BUNDLE silently overrides what a program sets itself.
        """
        return dict.fromkeys(VARIABLES, str(self.bundle))

    def server_context(self) -> ssl.SSLContext:
        """Return what our HTTPS servers need."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.server, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return what our own HTTPS clients need; they also reach the world's registries."""
        return ssl.create_default_context(cafile=str(self.bundle))


def create(directory: Path, system: Path | None = None) -> Authority:
    """Make the certificates in the directory; a CA that is there already is kept, so it is trusted once.

    `system` is the bundle of the world's CAs (by default what this process trusts).
    """
    directory.mkdir(parents=True, exist_ok=True)
    certs = directory / "certs.d"
    certs.mkdir(exist_ok=True)
    authority = Authority(
        certificate=directory / "ca.crt",
        bundle=directory / "bundle.crt",
        server=directory / "server.crt",
        key=directory / "server.key",
        directory=certs,
    )
    ca = _ca(authority.certificate, directory / "ca.key")
    leaf = ca.issue_cert(*HOSTS, organization_name="Breakwater local Azure")
    own = ca.cert_pem.bytes()
    world = (system or system_bundle(authority.bundle)).read_bytes()
    (certs / "ca.crt").write_bytes(own)
    authority.server.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    _write_secret(authority.key, leaf.private_key_pem.bytes())
    authority.bundle.write_bytes(world.rstrip() + b"\n" + own)
    return authority


def system_bundle(own: Path) -> Path:
    """Return the bundle this process trusts: SSL_CERT_FILE unless that is `own`, else certifi's."""
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        found = os.environ.get(variable)
        if found and Path(found).is_file() and Path(found).resolve() != own.resolve():
            return Path(found)
    return Path(certifi.where())


def _ca(certificate: Path, key: Path) -> trustme.CA:
    if certificate.is_file() and key.is_file():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    ca = trustme.CA(organization_name="Breakwater local Azure")
    certificate.write_bytes(ca.cert_pem.bytes())
    _write_secret(key, ca.private_key_pem.bytes())
    return ca


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
