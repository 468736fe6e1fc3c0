"""Whom the claims of a proved token name, and which tokens name nobody."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.entra import claims
from shared.entra.claims import Expected
from shared.operators import Operator, Role, Stranger

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TENANT = "00000000-0000-0000-0000-0000000000aa"
OTHER = "00000000-0000-0000-0000-0000000000ab"
APPLICATION = "00000000-0000-0000-0000-0000000000cc"
ALICE = "00000000-0000-0000-0000-00000000a11c"
V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
V1 = f"https://sts.windows.net/{TENANT}/"
EXPECTED = Expected(TENANT, frozenset({V1, V2}), claims.audiences(APPLICATION))
GOOD: dict[str, object] = {
    "iss": V2,
    "aud": APPLICATION,
    "tid": TENANT,
    "nbf": NOW.timestamp(),
    "exp": NOW.timestamp() + 3600,
    "oid": ALICE,
    "sub": "pairwise",
    "azp": "00000000-0000-0000-0000-0000000000dd",
    "scp": "user_impersonation",
    "preferred_username": "alice@contoso.com",
    "roles": ["Approver"],
}


def read(now: datetime = NOW, /, **changed: object) -> Operator | Stranger:
    """Read GOOD with these changes; what is None is left out."""
    said = {name: value for name, value in (GOOD | changed).items() if value is not None}
    return claims.operator(said, EXPECTED, now)


def test_a_person_s_access_token_names_them_and_their_roles():
    assert read() == Operator("alice@contoso.com", ALICE, frozenset({Role.APPROVER}))


@pytest.mark.parametrize(
    "audience",
    [
        APPLICATION,
        f"api://{APPLICATION}",
        APPLICATION.upper(),
        f"api://{APPLICATION.upper()}",
    ],
)
@pytest.mark.parametrize("issuer", [V1, V2])
def test_both_versions_of_a_token_are_taken(issuer: str, audience: str):
    assert isinstance(read(iss=issuer, aud=audience), Operator)


def test_an_application_signs_in_for_itself():
    itself = {"sub": ALICE, "scp": None, "preferred_username": None, "azp": None, "appid": OTHER}
    assert read(**itself) == Operator(OTHER, ALICE, frozenset({Role.APPROVER}))


def test_an_application_with_a_token_of_version_2_is_named_by_its_client():
    itself = {"sub": ALICE, "scp": None, "preferred_username": None, "azp": OTHER}

    assert read(**itself) == Operator(OTHER, ALICE, frozenset({Role.APPROVER}))


def test_one_person_is_one_id_in_whatever_case_the_token_has_it():
    found = read(oid=ALICE.upper())

    assert isinstance(found, Operator)
    assert found.id == ALICE


@pytest.mark.parametrize(
    ("audience", "is_ours"),
    [("api://contoso.com/Breakwater", True), ("api://contoso.com/breakwater", False)],
)
def test_an_address_of_the_organisation_s_choice_is_compared_letter_by_letter(
    audience: str, is_ours: bool
):
    ours = Expected(TENANT, frozenset({V2}), claims.audiences("api://contoso.com/Breakwater"))

    assert isinstance(claims.operator(GOOD | {"aud": audience}, ours, NOW), Operator) == is_ours


@pytest.mark.parametrize(
    "setting", [APPLICATION, f"api://{APPLICATION}", f"api://{APPLICATION.upper()}"]
)
def test_an_application_is_known_by_its_id_and_by_the_address_made_of_it(setting: str):
    assert claims.audiences(setting) == {APPLICATION, f"api://{APPLICATION}"}


def test_an_address_of_the_organisation_s_choice_stands_for_itself_alone():
    assert claims.audiences("api://contoso.com/breakwater") == {"api://contoso.com/breakwater"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": None}, "of another issuer"),
        ({"iss": f"{V2}/"}, "of another issuer"),
        ({"iss": V2.replace(TENANT, OTHER)}, "of another issuer"),
        ({"iss": [V2]}, "of another issuer"),
        ({"tid": None}, "of another tenant"),
        ({"tid": OTHER}, "of another tenant"),
        ({"aud": None}, "for another audience"),
        ({"aud": "https://management.azure.com"}, "for another audience"),
        ({"aud": "https://containerregistry.azure.net"}, "for another audience"),
        ({"aud": OTHER}, "for another audience"),
        ({"aud": f"api://{OTHER}"}, "for another audience"),
        ({"aud": f"api://{APPLICATION}/"}, "for another audience"),
        ({"aud": [APPLICATION]}, "for another audience"),
        ({"exp": None}, "does not say when"),
        ({"exp": "2030"}, "does not say when"),
        ({"exp": True}, "does not say when"),
        ({"exp": float("inf")}, "does not say when"),
        ({"exp": float("nan")}, "does not say when"),
        ({"exp": 10**400}, "does not say when"),
        ({"nbf": None}, "does not say when"),
        ({"exp": NOW.timestamp() - 60}, "has expired"),
        ({"nbf": NOW.timestamp() + 61}, "does not hold yet"),
        ({"scp": None}, "no access token"),
        ({"scp": " "}, "no access token"),
        ({"scp": ["user_impersonation"]}, "no access token"),
        ({"azp": None}, "no access token"),
        ({"azp": 5}, "no access token"),
        ({"cnf": {"kid": "k"}}, "bound to a key"),
        ({"oid": None}, "nobody by an object id"),
        ({"oid": "alice"}, "nobody by an object id"),
        ({"oid": 5}, "nobody by an object id"),
        ({"oid": None, "sub": None, "scp": None}, "no access token"),
    ],
)
def test_any_other_token_names_nobody_and_says_why(changed: dict[str, object], reason: str):
    found = read(**changed)
    assert isinstance(found, Stranger)
    assert reason in found.reason
    for secret in (ALICE, "alice", TENANT, APPLICATION, OTHER):
        assert secret not in found.reason


def test_times_are_whole_seconds_as_entra_has_them():
    whole = int(NOW.timestamp())

    assert isinstance(read(nbf=whole, exp=whole + 3600), Operator)
    assert isinstance(read(nbf=whole - 7200, exp=whole - 3600), Stranger)


def test_clocks_may_differ_by_a_minute_and_not_by_more():
    ends = NOW + timedelta(hours=1)
    assert isinstance(read(ends + timedelta(seconds=59)), Operator)
    assert isinstance(read(ends + timedelta(seconds=60)), Stranger)
    assert isinstance(read(NOW - timedelta(seconds=60)), Operator)
    assert isinstance(read(NOW - timedelta(seconds=61)), Stranger)


@pytest.mark.parametrize(
    ("claim", "roles"),
    [
        (None, set()),
        ([], set()),
        ("Operator", set()),
        ({"Operator": 1}, set()),
        (["operator", "OPERATOR", " Operator", 5, None, ["Operator"]], set()),
        (["Reader", "Global Administrator"], {Role.READER}),
        (["Reader", "Approver", "Operator", "Reader"], set(Role)),
    ],
)
def test_roles_are_breakwater_s_own_and_others_are_nothing(claim: object, roles: set[Role]):
    found = read(roles=claim)
    assert isinstance(found, Operator)
    assert found.roles == roles


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"preferred_username": None, "upn": "alice@contoso.com"}, "alice@contoso.com"),
        ({"preferred_username": " ", "unique_name": "live.com#alice"}, "live.com#alice"),
        ({"preferred_username": 5, "name": "Alice"}, "Alice"),
        ({"preferred_username": "\x1b[2Jroot\N{RIGHT-TO-LEFT OVERRIDE}"}, "�[2Jroot�"),
        ({"preferred_username": "a" * 1000}, "a" * 200),
        ({"preferred_username": " alice@contoso.com "}, "alice@contoso.com"),
        ({"preferred_username": None, "scp": None, "sub": ALICE, "name": "builder"}, "builder"),
        ({"preferred_username": None}, ALICE),  # and not the client she used
    ],
)
def test_a_name_is_the_first_there_is_and_fit_to_be_shown(changed: dict[str, object], name: str):
    found = read(**changed)
    assert isinstance(found, Operator)
    assert (found.name, found.id) == (name, ALICE)
