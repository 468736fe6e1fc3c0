"""Traces: one id through every message, log line and journal entry that follow from one cause."""

import secrets


def new_trace() -> str:
    """Return a new trace of 16 hex digits."""
    return secrets.token_hex(8)
