"""Operators and their rulings in memory."""

from shared.errors import Misconfigured
from shared.oci.digest import Digest
from shared.operators import Operator, Role, Ruling, RulingKind, Stranger


class FakeRulings:
    """Rulings as a list."""

    def __init__(self) -> None:
        self.added: list[Ruling] = []

    def add(self, ruling: Ruling) -> Ruling:
        for each in self.of(ruling.image, ruling.digest):
            if _said(each) == _said(ruling):
                return each
        self.added.append(ruling)
        return ruling

    def of(self, image: str, digest: Digest) -> tuple[Ruling, ...]:
        found = [each for each in self.added if (each.image, each.digest) == (image, digest)]
        return tuple(sorted(found, key=lambda each: each.at))


def _said(ruling: Ruling) -> tuple[object, ...]:
    about = ruling.at if ruling.kind is RulingKind.RELEASE else None
    return (ruling.kind, ruling.by, ruling.by_id, ruling.comment, ruling.override, about)


class FakeOperators:
    """Whom each Authorization header names; anything else is a stranger."""

    def __init__(self) -> None:
        self.known: dict[str, Operator] = {}
        self.is_set_up = True

    def signs_in(self, name: str, *roles: Role) -> str:
        """Let somebody sign in; return their Authorization header."""
        header = f"Bearer {name}"
        self.known[header] = Operator(name, f"id-of-{name}", frozenset(roles))
        return header

    def identify(self, authorization: str) -> Operator | Stranger:
        if not self.is_set_up:
            message = "setting ENTRA_TENANT_ID: expected a tenant's id, found nothing"
            raise Misconfigured(message)
        return self.known.get(authorization, Stranger("the token is nobody's"))
