"""A token service for docker-registry (distribution, docs/spec/auth/token.md), and the registry behind it."""

import base64
import datetime as dt
import shutil
import ssl
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

import jwt
import requests
import trustme
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.oci.digest import Digest
from shared.oci.manifest import Manifest
from shared.registry import artifacts
from tests.contract.scripted_tokens import basic
from tests.contract.serving import ca_path, free_port, serve
from tests.contract.waiting import PATIENCE, eventually

ISSUER, SERVICE = "contoso tokens", "contoso registry"


@dataclass
class TokenService:
    """Signs tokens; everybody may pull from `public/…`, the users from everywhere."""

    users: dict[str, str]
    key: ec.EllipticCurvePrivateKey
    certificate: (
        x509.Certificate
    )  # the registry trusts this one (`rootcertbundle`), and no other of the key's
    lifetime: int = 300
    asked: list[tuple[str, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, users: dict[str, str]) -> "TokenService":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(issuer_name=name, subject_name=name)
        builder = builder.public_key(key.public_key()).serial_number(1)
        builder = builder.not_valid_before(now - dt.timedelta(hours=1))
        builder = builder.not_valid_after(now + dt.timedelta(hours=1))
        return cls(users, key, builder.sign(key, hashes.SHA256()))

    def token(self, scopes: list[str], actions: frozenset[str]) -> str:
        """Sign a token that opens these scopes, for no more than these actions."""
        now = int(time.time())
        parts = [scope.split(":") for scope in scopes]
        access = [
            {"type": kind, "name": name, "actions": sorted(actions & set(wanted.split(",")))}
            for kind, name, wanted in parts
        ]
        claims = {
            "iss": ISSUER,
            "sub": "",
            "aud": SERVICE,
            "exp": now + self.lifetime,
            "nbf": now - 10,
            "iat": now,
            "jti": str(uuid.uuid4()),
            "access": access,
        }
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        headers = {"x5c": [base64.b64encode(der).decode()]}
        return jwt.encode(claims, self.key, algorithm="ES256", headers=headers)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        known = [basic(name, word) for name, word in self.users.items()]
        if authorization and authorization not in known:
            return web.json_response({"details": "incorrect username or password"}, status=401)
        scopes = request.query.getall("scope", [])
        self.asked.append(tuple(scopes))
        public = [each for each in scopes if each.startswith("repository:public/")]
        token = self.token(scopes if authorization else public, frozenset({"pull"}))
        return web.json_response({"token": token, "expires_in": self.lifetime})


@dataclass(frozen=True)
class DockerRegistry:
    """Debian's docker-registry, which takes the service's tokens alone."""

    host: str
    service: TokenService
    trust: Path

    def push(self, path: str, tag: str, *manifests: Manifest) -> None:
        """Push manifests and the empty blob they need; the last gets the tag."""
        token = self.service.token([f"repository:{path}:pull,push"], frozenset({"pull", "push"}))
        with requests.Session() as session:
            session.trust_env, session.verify = False, str(self.trust)
            session.headers["Authorization"] = f"Bearer {token}"
            base = f"https://{self.host}/v2/{path}"
            where = session.post(f"{base}/blobs/uploads/", timeout=PATIENCE).headers["Location"]
            blob = {"digest": str(Digest.of(artifacts.EMPTY))}
            session.put(
                where, params=blob, data=artifacts.EMPTY, timeout=PATIENCE
            ).raise_for_status()
            for each in manifests:
                reference = tag if each is manifests[-1] else str(each.digest)
                session.put(
                    f"{base}/manifests/{reference}",
                    data=each.raw,
                    headers={"Content-Type": each.media_type},
                    timeout=PATIENCE,
                ).raise_for_status()


@contextmanager
def docker_registry(folder: Path, service: TokenService) -> Iterator[DockerRegistry]:
    """Run the service and the registry; `trust` holds the certificates of both."""
    app = web.Application()
    app.router.add_get("/token", service.answer)
    port = free_port()
    _write(folder, service)
    with serve(app) as url, (folder / "log").open("wb") as log:
        (folder / "config.yml").write_text(_CONFIG.format(port=port, folder=folder, url=url))
        command = [shutil.which("docker-registry") or "docker-registry", "serve", "config.yml"]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            trust = folder / "trust.pem"
            eventually(lambda: _answers(f"https://localhost:{port}/v2/", trust))
            yield DockerRegistry(f"localhost:{port}", service, trust)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _write(folder: Path, service: TokenService) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    (folder / "trust.pem").write_bytes(authority.cert_pem.bytes() + ca_path().read_bytes())
    signing = service.certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "signing.pem").write_bytes(signing)


def _answers(url: str, trust: Path) -> bool:
    try:
        with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=trust)):
            return True
    except HTTPError as error:
        error.close()
        return True  # 401: it is up
    except OSError:
        return False


_CONFIG = f"""\
version: 0.1
log: {{{{level: error, accesslog: {{{{disabled: true}}}}}}}}
storage: {{{{inmemory: {{{{}}}}}}}}
http:
  addr: localhost:{{port}}
  tls: {{{{certificate: '{{folder}}/cert.pem', key: '{{folder}}/key.pem'}}}}
auth:
  token:
    realm: '{{url}}/token'
    service: {SERVICE}
    issuer: {ISSUER}
    rootcertbundle: '{{folder}}/signing.pem'
"""
