"""What would change an answer, in sentences that an operator can act on."""

from shared.policy.look import Look

BY_ITSELF: tuple[str, ...] = ("nothing to do: it goes on by itself",)
ADOPTED = "base keeps it until a digest that passes is promoted in its place"
FINAL = "a denial is final for this digest: wait for upstream's next one"


def approve(look: Look) -> str:
    """Return how it is approved."""
    return f"approve it: {_command(look, 'approve')}"


def release(look: Look) -> str:
    """Return how it is released, although upstream withdrew it."""
    return f"if it is fit for use all the same, release it: {_command(look, 'release')}"


def override(look: Look, what: str) -> str:
    """Return how an operator makes an approval stand in for what is missing."""
    return f"do without {what}: {_command(look, 'approve')} OVERRIDE=1"


def keys(look: Look, *written: str) -> str:
    """Return which of the catalog's keys of the image would have to be otherwise, as they are written."""
    return f"change the catalog, for {look.image.name}: {', or '.join(written)}"


def _command(look: Look, verb: str) -> str:
    return f'make {verb} IMAGE={look.image.name} DIGEST={look.facts.digest} COMMENT="why"'
