"""An operator approves a digest, or stands in for what is missing."""

from collections.abc import Mapping

from handlers.asked import asked, expected
from handlers.ruling import rule
from handlers.signed_in import Answer, answered, header, lacking
from shared.operators import Operator, Role, RulingKind
from shared.services import Services


def handle(services: Services, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Approve; overriding is for Operators, and says why."""

    def act(who: Operator) -> Answer:
        wanted = asked(body, header(headers, "content-type"))
        if wanted.override:
            refused = lacking(who, Role.OPERATOR, "overriding")
            if refused is not None:
                return refused
            if not wanted.comment:
                raise expected("comment", "why what is missing is not needed", None)
        return rule(services, who, RulingKind.APPROVE, wanted)

    return answered(services, headers, Role.APPROVER, act)
