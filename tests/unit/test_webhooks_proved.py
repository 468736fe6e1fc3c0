"""Which proof a webhook needs where the catalog names a secret, and what it is told without one."""

import hashlib
import hmac

import pytest

from shared.catalog import Upstream
from shared.errors import Misconfigured
from shared.policy.proofs import lacking, secret_of
from shared.policy.webhooks import Sender

SECRET, BODY = "s3cret-é", b'{"action": "published"}'


def signature(body: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


def test_githubs_own_example_is_accepted():
    # docs.github.com, "Validating webhook deliveries": the values to test an implementation with.
    headers = {
        "x-hub-signature-256": (
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        )
    }
    assert lacking(Sender.GITHUB, "It's a Secret to Everybody", b"Hello, World!", headers) == ""


def test_github_signs_the_raw_body():
    signed = {"x-hub-signature-256": signature(BODY)}
    assert lacking(Sender.GITHUB, SECRET, BODY, signed) == ""
    assert "found another" in lacking(Sender.GITHUB, SECRET, BODY + b" ", signed)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-hub-signature-256": signature(BODY, "another")},
        {"x-hub-signature-256": signature(BODY).upper()},
        {"x-hub-signature-256": signature(BODY).removeprefix("sha256=")},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": "é\ud800"},
        {"x-hub-signature": signature(BODY, algorithm="sha1")},
        {"authorization": SECRET},
        {},
    ],
)
def test_anything_but_githubs_signature_is_not_its_proof(headers: dict[str, str]):
    why = lacking(Sender.GITHUB, SECRET, BODY, headers)
    assert why.startswith("expected the header X-Hub-Signature-256 made with the webhook's secret")
    assert why.endswith("found another" if "x-hub-signature-256" in headers else "found none")


@pytest.mark.parametrize("sender", [each for each in Sender if each is not Sender.GITHUB])
def test_the_others_send_the_secret_itself(sender: Sender):
    for value in (SECRET, f"Bearer {SECRET}"):
        assert lacking(sender, SECRET, BODY, {"authorization": value}) == ""
    for value in ("", "Bearer ", "Bearer", SECRET[:-1], f"{SECRET} ", f"bearer  {SECRET}"):
        assert "expected the header Authorization" in lacking(
            sender, SECRET, BODY, {"authorization": value}
        )
    assert "found none" in lacking(sender, SECRET, BODY, {})


@pytest.mark.parametrize("sender", [Sender.DOCKER_HUB, Sender.QUAY])
def test_who_cannot_send_a_header_is_told_so(sender: Sender):
    assert f"{sender.value} cannot send one" in lacking(sender, SECRET, BODY, {})


def test_no_refusal_repeats_the_secret_or_what_was_sent():
    for sender in Sender:
        sent = {"authorization": "guess", "x-hub-signature-256": "guess"}
        why = lacking(sender, SECRET, BODY, sent)
        assert SECRET not in why
        assert "guess" not in why
        assert hashlib.sha256(SECRET.encode()).hexdigest() not in why


def test_an_upstream_without_a_webhook_asks_for_no_secret():
    assert secret_of(Upstream("ghcr.io"), {}) == ""


def test_a_secret_is_found_whatever_the_case_of_its_name():
    assert secret_of(Upstream("ghcr.io", webhook="GitHub"), {"github": "x"}) == "x"


@pytest.mark.parametrize("secrets", [{}, {"other": "x"}, {"github": ""}])
def test_a_secret_that_is_not_set_is_the_operators_to_set(secrets: dict[str, str]):
    with pytest.raises(Misconfigured, match=r"setting WEBHOOK_GITHUB_SECRET: .*ghcr\.io"):
        secret_of(Upstream("ghcr.io", webhook="github"), secrets)
