"""An operator releases a digest that upstream withdrew."""

from collections.abc import Mapping

from handlers.asked import asked, expected
from handlers.ruling import rule
from handlers.signed_in import Answer, answered, header
from shared.operators import Operator, Role, RulingKind
from shared.services import Services


def handle(services: Services, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Release; the gate still judges it."""

    def act(who: Operator) -> Answer:
        wanted = asked(body, header(headers, "content-type"))
        if wanted.override:
            raise expected("override", "false, which only an approval may change", True)
        return rule(services, who, RulingKind.RELEASE, wanted)

    return answered(services, headers, Role.OPERATOR, act)
