"""The words of an invocation: a function, a call of it, and how it came out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.functions_host.protocol import Data

# The reason Azure logs when an operator runs a function through the admin API.
PROGRAMMATIC = "This function was programmatically called via the host APIs."


@dataclass(frozen=True, slots=True)
class Binding:
    """One trigger or output of a function, with every %SETTING% resolved."""

    type: str
    name: str
    properties: Mapping[str, Any]

    def text(self, name: str, default: str = "") -> str:
        """Return a property as text."""
        value = self.properties.get(name)
        return default if value is None else str(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a property as a truth value."""
        value = self.properties.get(name)
        return default if value is None else str(value).lower() == "true"


@dataclass(frozen=True, slots=True)
class Retry:
    """A function's retry policy; times in seconds, a count of -1 never gives up."""

    count: int
    exponential: bool
    minimum: float
    maximum: float

    def delay(self, attempt: int) -> float:
        """Return how long to wait before the attempt (1 is the first retry)."""
        if not self.exponential:
            return self.minimum
        return float(min(self.minimum * 2 ** min(attempt - 1, 30), self.maximum))


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app."""

    name: str
    id: str
    trigger: Binding
    outputs: tuple[Binding, ...] = ()
    retry: Retry | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation to be made; `details` is what Azure logs as the trigger's details."""

    function: Function
    reason: str
    data: Data
    metadata: Mapping[str, Data] = field(default_factory=dict)
    details: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation came out; `error` is empty exactly if it succeeded."""

    error: str = ""
    returned: Data | None = None
    ran: bool = True  # False: the host stopped before the function was run


NOT_RUNNING = "Function host is not running."


type Invoke = Callable[[Call], Awaitable[Outcome]]


def failure(function: Function) -> str:
    """Return the sentence Azure gives callers for a failed invocation."""
    return f"Exception while executing function: Functions.{function.name}"
