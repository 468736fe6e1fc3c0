"""ARM's errors: a status, a code and a sentence in ARM's envelope."""

from http import HTTPStatus

from aiohttp import web


class ArmError(Exception):
    """An error ARM answers with; the app turns it into the response."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep the HTTP status, ARM's error code and the sentence."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """Return the error as ARM sends it."""
        body = {"error": {"code": self.code, "message": self.message}}
        headers = (
            {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            if self.status == HTTPStatus.UNAUTHORIZED
            else {}
        )
        return web.json_response(body, status=self.status, headers=headers)


def invalid(message: str) -> ArmError:
    """Something in the request is wrong."""
    return ArmError(400, "InvalidParameters", message)


def unauthenticated(message: str) -> ArmError:
    """No token, or not one for us."""
    return ArmError(401, "AuthenticationFailed", message)


def forbidden(client: str, action: str, scope: str) -> ArmError:
    """Say that the caller lacks a role; the sentence names the missing action."""
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{client}' is not authorized to perform action '{action}' over scope '{scope}'.",
    )


def not_found(resource: str) -> ArmError:
    """There is no such resource."""
    return ArmError(404, "ResourceNotFound", f"The resource '{resource}' was not found.")


def not_here(what: str) -> ArmError:
    """Azure has it, the local Azure has not: never a plausible 200."""
    return ArmError(501, "NotImplemented", f"the local Azure does not have this: {what}")
