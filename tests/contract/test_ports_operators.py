"""Operators: who is let in by a token of the directory's, over TLS, and who is not."""

from collections.abc import Callable, Iterator

import jwt
import pytest
import requests
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.acr.tokens import Authority, Scope
from local.directory import TENANT, new_key
from local.faults import Fault, Kind
from shared.errors import Misconfigured, Transient
from shared.operators import Operator, Operators, Role, Stranger
from tests.contract.entra_world import ATTACKER, World, world
from tests.contract.serving import ca_path, serve
from tests.contract.waiting import PATIENCE
from tests.fake_operators import FakeOperators


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(monkeypatch) as made:
        yield made


type SignsIn = Callable[..., str]


@pytest.fixture(params=["entra", "fake"])
def either(request: pytest.FixtureRequest) -> tuple[Operators, SignsIn]:
    """The app's own operators and the fake of the unit tests: both keep the port's word."""
    if request.param == "fake":
        fake = FakeOperators()
        return fake, fake.signs_in
    real: World = request.getfixturevalue("here")
    return real.operators, real.signs_in


@pytest.mark.parametrize("roles", [(), (Role.READER,), (Role.APPROVER, Role.OPERATOR)])
def test_a_token_names_who_sent_it_and_their_roles(
    either: tuple[Operators, SignsIn], roles: tuple[Role, ...]
):
    operators, signs_in = either
    found = operators.identify(signs_in("erin@contoso.com", *roles))
    assert isinstance(found, Operator)
    assert (found.name, found.roles) == ("erin@contoso.com", frozenset(roles))
    assert found.id
    assert found.may(Role.READER) == bool(roles)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer a.b.c", "Basic YTpi", "é" * 9])
def test_anything_else_is_a_stranger_with_a_reason(
    either: tuple[Operators, SignsIn], authorization: str
):
    found = either[0].identify(authorization)
    assert isinstance(found, Stranger)
    assert found.reason


def test_without_settings_the_missing_one_is_named(here: World):
    fake = FakeOperators()
    fake.is_set_up = False
    for each in (here.app(tenant=""), fake):
        with pytest.raises(Misconfigured, match="setting ENTRA_TENANT_ID: expected a tenant's id"):
            each.identify("Bearer a.b.c")
    with pytest.raises(Misconfigured, match="setting ENTRA_AUDIENCE: expected"):
        here.app(audience="").identify("Bearer a.b.c")


def test_a_tenant_may_be_written_in_capitals(here: World):
    found = here.app(tenant=TENANT.upper()).identify(f"Bearer {here.token()}")
    assert isinstance(found, Operator)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("user", "roles"),
    [("alice", {Role.OPERATOR}), ("bob@contoso.com", {Role.APPROVER}), ("dave", set())],
)
def test_contoso_s_people_have_tokens_of_both_versions(
    here: World, user: str, roles: set[Role], version: str
):
    answer = requests.get(
        f"{here.login.authority}/_local/token",
        params={"user": user, "version": version},
        verify=str(ca_path()),
        timeout=PATIENCE,
    )
    found = here.identify(answer.json()["access_token"])
    assert isinstance(found, Operator)
    assert found.name.partition("@")[0] == user.partition("@")[0]
    assert found.roles == roles
    assert found.id == here.person(found.name).client_id


@pytest.mark.parametrize("query", [{}, {"user": "mallory"}, {"user": "alice", "version": "3.0"}])
def test_nobody_else_has_a_token(here: World, query: dict[str, str]):
    url = f"{here.login.authority}/_local/token"
    answer = requests.get(url, params=query, verify=str(ca_path()), timeout=PATIENCE)
    assert answer.status_code == 404
    assert "alice@contoso.com, bob@contoso.com" in answer.json()["error"]


def test_a_managed_identity_is_an_operator_without_roles_until_it_has_some(here: World):
    own = here.directory.token(here.everybody.breakwater, here.login.audience)
    found = here.identify(own)
    assert isinstance(found, Operator)
    assert (found.id, found.roles) == (here.everybody.breakwater.client_id, frozenset())
    given = here.directory.token(here.everybody.scan, here.login.audience, roles=["Approver"])
    assert here.identify(given) == Operator(
        here.everybody.scan.client_id, here.everybody.scan.client_id, frozenset({Role.APPROVER})
    )


def test_a_token_without_a_signature_that_proves_it_is_nobody_s(here: World):
    for algorithm in ("none", "None", "nOnE", ""):
        for signature in ("", "AA"):
            token = here.unsigned(algorithm, signature)
            assert isinstance(here.identify(token), Stranger)
    head, body, signature = here.token().split(".")
    _, other, _ = here.token(roles=["Operator"], oid=here.everybody.scan.client_id).split(".")
    for tampered in (f"{head}.{other}.{signature}", f"{head}.{body}.AAAA", f"{head}.{body}."):
        assert isinstance(here.identify(tampered), Stranger)


def test_the_published_key_is_no_secret_to_sign_with(here: World):
    public = here.directory.key.public_key()
    jwk = here.directory.published_key(here.login.issuer)
    secrets = [
        public.public_bytes(encoding, form)
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    ]
    for secret in [*secrets, jwk["n"].encode(), b""]:
        assert "not signed with RS256" in here.refused(here.symmetric(secret))
        assert "signature" in here.refused(here.symmetric(secret, "RS256"))


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384"])
def test_the_right_key_signs_in_one_way_only(here: World, algorithm: str):
    token = here.forged(algorithm, here.directory.key)
    assert "not signed with RS256" in here.refused(token)


@pytest.mark.parametrize(
    "kid", ["", "another", "../../dev/null", "' OR 1=1 --", "0", "k" * 200, "\N{SNOWMAN}", "\x00"]
)
def test_another_s_key_signs_nothing_whatever_it_is_called(here: World, kid: str):
    assert isinstance(here.identify(here.forged()), Stranger)
    assert isinstance(here.identify(here.forged(kid=kid)), Stranger)


def test_a_key_that_a_token_brings_along_is_not_used_nor_fetched(here: World):
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"keys": [mine]})

    mine = jwt.algorithms.RSAAlgorithm.to_jwk(ATTACKER.public_key(), as_dict=True) | {"kid": "m"}
    app = web.Application()
    app.router.add_get("/keys", answer)
    with serve(app) as url:
        for kid in ("m", here.directory.kid):
            for headers in ({"jku": f"{url}/keys"}, {"x5u": f"{url}/keys"}, {"jwk": mine}):
                token = here.forged(kid=kid, **headers)
                assert "signature" in here.refused(token)
        theirs = here.claims(iss=f"{url}/{here.claims()['tid']}/v2.0")
        assert "signature" in here.refused(here.forged(claims=theirs, kid="m"))
    assert asked == []


def test_tokens_for_others_are_not_for_us(here: World):
    operator = here.everybody.operator
    for audience in (
        "https://management.azure.com",
        "https://containerregistry.azure.net",
        "https://eventgrid.azure.net",
        f"{here.login.audience}/",
        f"{here.login.audience}.evil.example",
    ):
        assert "audience" in here.refused(here.directory.token(operator, audience))
    acr = Authority(here.directory, "contosostaging", "localhost:1", anonymous_pull=False)
    access = acr.access_token(operator, [Scope("repository", "node", ("pull",))])
    for token in (access, acr.refresh_token(operator)):
        assert "audience" in here.refused(token)


def test_another_tenant_s_token_is_refused_though_entra_signs_all_with_the_same_keys(here: World):
    other = "00000000-0000-0000-0000-0000000000ab"
    issuer = here.login.issuer.replace(str(here.claims()["tid"]), other)
    assert "issuer" in here.refused(here.token(iss=issuer, tid=other))
    assert "issuer" in here.refused(here.token(iss=f"https://sts.windows.net/{other}/"))
    assert "tenant" in here.refused(here.token(tid=other))


def test_an_id_token_says_who_signed_in_and_lets_nobody_in(here: World):
    assert "no access token" in here.refused(here.token(scp=None, azp=None, nonce="n"))
    assert "no access token" in here.refused(here.token(scp=None, nonce="n"))


def test_a_token_holds_for_its_hour(here: World):
    token = here.token()
    assert isinstance(here.identify(token), Operator)
    here.clock.advance(minutes=62)
    assert "expired" in here.refused(token)
    here.clock.advance(minutes=-65)
    assert "does not hold yet" in here.refused(token)


def test_a_new_key_is_found_within_a_minute_and_the_old_one_forgotten(here: World):
    old = here.token()
    assert isinstance(here.identify(old), Operator)
    here.directory.key = new_key()
    here.clock.advance(seconds=61)
    assert isinstance(here.identify(here.token()), Operator)
    assert "signature" in here.refused(old)


def test_an_outage_of_the_directory_is_not_seen_by_whoever_has_been_here(here: World):
    token = here.token()
    assert isinstance(here.identify(token), Operator)
    for operation in ("login.metadata", "login.keys"):
        here.login.faults.add(Fault(operation, Kind.FAIL, status=503, count=9))
        here.clock.advance(days=1)
        assert isinstance(here.identify(here.token(exp=2**40)), Operator)
        with pytest.raises(Transient, match=r"localhost.*: HTTP 503"):
            here.app().identify(f"Bearer {token}")
        here.login.faults.clear()


def test_a_stranger_without_a_token_costs_the_directory_nothing(here: World):
    for header in ("", "Bearer x", f"Bearer {here.unsigned()}", f"Basic {here.token()}"):
        assert isinstance(here.operators.identify(header), Stranger)
    for number in range(5):
        assert isinstance(here.identify(here.forged(kid=str(number))), Stranger)
    assert here.login.faults.counts() == {"login.metadata": 1, "login.keys": 1}
