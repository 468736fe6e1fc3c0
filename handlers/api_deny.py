"""An operator denies a digest for good."""

from collections.abc import Mapping

from handlers.asked import asked, expected
from handlers.ruling import rule
from handlers.signed_in import Answer, answered, header
from shared.operators import Operator, Role, RulingKind
from shared.services import Services


def handle(services: Services, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Deny, and say why."""

    def act(who: Operator) -> Answer:
        wanted = asked(body, header(headers, "content-type"))
        if wanted.override:
            raise expected("override", "false, which only an approval may change", True)
        if not wanted.comment:
            raise expected("comment", "why it is denied", None)
        return rule(services, who, RulingKind.DENY, wanted)

    return answered(services, headers, Role.APPROVER, act)
