"""An operator at the endpoints, on fakes: requests as they arrive, answers as they are read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers import api_approve, api_candidates, api_deny, api_explain, api_release
from handlers.signed_in import Answer
from shared.oci.digest import Digest
from shared.operators import Role
from shared.services import Services
from tests.machine import STAGING, TAG, Machine

JSON = "application/json"
ENDPOINTS: dict[str, Callable[[Services, bytes, Mapping[str, str]], Answer]] = {
    "approve": api_approve.handle,
    "deny": api_deny.handle,
    "release": api_release.handle,
}
LISTS: dict[str, Callable[[Services, Mapping[str, str], Mapping[str, str]], Answer]] = {
    "candidates": api_candidates.handle,
    "explain": api_explain.handle,
}


@dataclass
class Desk:
    """A machine with one digest in staging, and people who may sign in."""

    machine: Machine = field(default_factory=Machine)
    digest: Digest = field(init=False)

    def __post_init__(self) -> None:
        self.digest = self.machine.world.registries.push_index(STAGING, TAG)

    def token(self, role: Role | None = Role.OPERATOR, name: str = "") -> str:
        """Let somebody with this role sign in; they are called like it."""
        roles = () if role is None else (role,)
        return self.machine.world.operators.signs_in(name or (role.value if role else "X"), *roles)

    def says(self, what: str, token: str | None = None, **changes: Any) -> Answer:
        """Approve, deny or release the digest; `changes` change the body."""
        body = {"image": "node", "digest": str(self.digest), "comment": "seen it", **changes}
        return self.posts(what, json.dumps(body).encode(), token)

    def posts(
        self, what: str, body: bytes, token: str | None = None, content_type: str = JSON
    ) -> Answer:
        """Send any body to approve, deny or release."""
        headers = {
            "authorization": self.token() if token is None else token,
            "Content-Type": content_type,
        }
        return ENDPOINTS[what](self.machine.services, body, headers)

    def gets(self, what: str, token: str | None = None, **parameters: str) -> Answer:
        """Ask for the candidates, or for an explanation."""
        headers = {"Authorization": self.token(Role.READER) if token is None else token}
        return LISTS[what](self.machine.services, parameters, headers)

    @property
    def rulings(self) -> list[tuple[str, str]]:
        """What was ruled, and by whom."""
        return [(each.kind.value, each.by) for each in self.machine.world.rulings.added]

    @property
    def looks(self) -> int:
        """How many looks at candidates are asked for."""
        return sum(each.queue == "candidates" for each in self.machine.world.queues.sent)

    @property
    def attached(self) -> list[dict[str, Any]]:
        """What the artifacts attached to the digest say."""
        registries = self.machine.world.registries
        found = []
        for each in registries.referrers(STAGING, self.digest):
            manifest = registries.manifest(STAGING, each.digest)
            assert manifest is not None
            found.append(json.loads(registries.blob(STAGING, manifest.layers[0].digest, 10_000)))
        return found


def told(answer: Answer) -> str:
    """Return everything an answer says, as one text."""
    return "\n".join(json.loads(answer.text)["told"])


def error(answer: Answer) -> str:
    return str(json.loads(answer.text)["error"])
