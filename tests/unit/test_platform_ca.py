"""The local certificate authority."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from local.platform import ca


@pytest.fixture
def world(tmp_path):
    bundle = tmp_path / "world.crt"
    bundle.write_text("# the world\n")
    return bundle


def names(certificate: Path):
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    san = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = san.get_values_for_type(x509.DNSName)
    return hosts, [str(each) for each in san.get_values_for_type(x509.IPAddress)]


def test_the_server_certificate_is_for_this_machine_only(tmp_path, world):
    authority = ca.create(tmp_path / "tls", world)
    assert names(authority.server) == (["localhost"], ["127.0.0.1", "::1"])


def test_the_bundle_holds_the_world_and_us(tmp_path, world):
    authority = ca.create(tmp_path / "tls", world)
    bundle = authority.bundle.read_text()
    assert bundle.startswith("# the world\n")
    assert bundle.endswith(authority.certificate.read_text())


def test_every_kind_of_process_is_told_of_the_bundle(tmp_path, world):
    authority = ca.create(tmp_path / "tls", world)
    assert authority.environment() == {
        "REQUESTS_CA_BUNDLE": str(authority.bundle),
        "CURL_CA_BUNDLE": str(authority.bundle),
        "SSL_CERT_FILE": str(authority.bundle),
        "NODE_EXTRA_CA_CERTS": str(authority.bundle),
    }


def test_a_cert_dir_holds_the_ca_and_nothing_else(tmp_path, world):
    authority = ca.create(tmp_path / "tls", world)
    assert [each.name for each in authority.directory.iterdir()] == ["ca.crt"]


def test_a_second_start_keeps_the_ca(tmp_path, world):
    first = ca.create(tmp_path / "tls", world).certificate.read_bytes()
    assert ca.create(tmp_path / "tls", world).certificate.read_bytes() == first


def test_private_keys_are_for_the_owner_alone(tmp_path, world):
    authority = ca.create(tmp_path / "tls", world)
    assert authority.key.stat().st_mode & 0o077 == 0
    assert (tmp_path / "tls" / "ca.key").stat().st_mode & 0o077 == 0


def test_client_and_server_shake_hands(tmp_path, world):
    authority = ca.create(tmp_path / "tls", world)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client_context().wrap_bio(to_client, to_server, server_hostname="localhost")
    server = authority.server_context().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.cipher() is not None


def test_the_worlds_bundle_is_never_our_own(tmp_path, monkeypatch):
    own = tmp_path / "bundle.crt"
    own.write_text("ours")
    theirs = tmp_path / "theirs.crt"
    theirs.write_text("theirs")
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs))
    assert ca.system_bundle(own) == theirs
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert ca.system_bundle(own).name == "cacert.pem"
