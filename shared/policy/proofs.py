"""Whether a push webhook comes from whom it says: by the secret it proves to know."""

import hashlib
import hmac
from collections.abc import Mapping

from shared.catalog import Upstream
from shared.errors import Misconfigured
from shared.policy.webhooks import Sender

_UNABLE = frozenset({Sender.DOCKER_HUB, Sender.QUAY})  # they send a URL's body, and nothing else


def secret_of(upstream: Upstream, secrets: Mapping[str, str]) -> str:
    """Return the secret of an upstream's webhooks; "" when it asks for none.

    Raises Misconfigured when the upstream names one that is not in the settings.
    """
    name = upstream.webhook
    if not name:
        return ""
    secret = secrets.get(name.lower(), "")
    if not secret:
        setting = f"WEBHOOK_{name.upper()}_SECRET"
        message = (
            f"setting {setting}: expected the secret of the webhooks of {upstream.registry}, "
            "which the catalog names, found nothing"
        )
        raise Misconfigured(message)
    return secret


def lacking(sender: Sender, secret: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Return what proof was expected and not found; "" when the webhook proves to know the secret.

    GitHub signs the raw body (X-Hub-Signature-256, docs.github.com "Validating webhook deliveries"); the
    others send what they were told to (header names in lower case). Comparisons take the same time for
    whatever was sent.
    """
    if sender is Sender.GITHUB:
        signed = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        given = headers.get("x-hub-signature-256", "")
        if _same(given, signed):
            return ""
        expected = "the header X-Hub-Signature-256 made with the webhook's secret"
    else:
        given = headers.get("authorization", "")
        # Both are compared, whichever matches: time tells nothing.
        if _same(given, secret) | _same(given, f"Bearer {secret}"):
            return ""
        expected = "the header Authorization with the webhook's secret, or Bearer and the secret"
    found = "another" if given else "none"
    unable = (
        f"; {sender.value} cannot send one, so a relay must add it" if sender in _UNABLE else ""
    )
    return f"expected {expected}, found {found}{unable}"


def _same(found: str, expected: str) -> bool:
    # As bytes: compare_digest refuses text that is not ASCII.
    return hmac.compare_digest(
        found.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )
