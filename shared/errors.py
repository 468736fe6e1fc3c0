"""Every error Breakwater raises on purpose, typed by who must act."""


class BreakwaterError(Exception):
    """Root of the tree; the text is one sentence an operator can act on."""


class Transient(BreakwaterError):
    """The world failed for now; the same call may succeed later. Nobody acts: it is retried."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, refused: bool = False
    ) -> None:
        """Keep the sentence and, where the other side named one, the seconds to wait.

        `refused`: the other side said that it did nothing; else it may have done what was asked.
        """
        super().__init__(message)
        self.retry_after = retry_after
        self.refused = refused


class Permanent(BreakwaterError):
    """Trying again cannot help: the message belongs in the poison queue, with this text."""


class Misconfigured(BreakwaterError):
    """The operator must change a setting, a role or the catalog."""
