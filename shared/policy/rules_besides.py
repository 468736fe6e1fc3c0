"""Rules about what a candidate needs besides clean reports: what is required, a test, age, approval."""

from shared.policy import gate as gates
from shared.policy import remedies, sentences
from shared.policy.actions import Decision, Hold, Rest, StartTest, State, Wait
from shared.policy.facts import Progress
from shared.policy.look import MAX_ATTEMPTS, Look


def required(look: Look) -> Decision | None:
    """Hold until a run of ours has made or checked what the gate requires, unless overridden."""
    lacking = () if look.override else unproven(look)
    if not lacking:
        return None
    said = (
        remedies.override(look, "it"),
        remedies.keys(look, "less in `require`"),
    )
    return Decision(Hold(None), State.HELD, lacking, remedies=said)


def unproven(look: Look) -> tuple[str, ...]:
    """Say what is required and was neither made nor checked; an override stands in for it."""
    return tuple(
        f"its gate requires {each.value}, and no run of ours has made or checked one"
        for each in sorted(set(look.gate.require) - look.facts.proven)
    )


def tested(look: Look) -> Decision | None:
    """Have it tested; reject what failed, and fail when no result could be had, unless overridden."""
    if look.image.test is None:
        return None
    test = look.facts.test
    if test is None:
        lost = ("wait for a digest that has a platform it can be tested on",)
        return Decision(Hold(None), State.HELD, ("nothing is known of its test",), remedies=lost)
    if test.progress is Progress.UNDERWAY:
        return Decision(
            Wait(), State.TESTING, (f"testing on {test.platform}",), remedies=remedies.BY_ITSELF
        )
    if test.passed is None:
        return _untested(look)
    refusal = gates.judge_test(test)
    if not refusal:
        return None
    said = (
        "wait for upstream's next digest",
        f"mend the test, if it is at fault: {look.image.test.script}",
    )
    return Decision(Rest(), State.REJECTED, (refusal,), remedies=said)


def lost_test(look: Look) -> tuple[str, ...]:
    """Say that the test gave no result, however often; an override stands in for it."""
    test = look.facts.test
    if look.image.test is None or test is None or test.passed is not None:
        return ()
    if test.progress is Progress.UNDERWAY or test.attempt < MAX_ATTEMPTS:
        return ()
    return (f"its test could not be run on {test.platform}, {test.attempt} times: {test.error}",)


def aged(look: Look) -> Decision | None:
    """Hold what is too young, unless it fixes what is promoted and the gate lets fixes skip the wait."""
    staged, ripe = look.facts.staged, look.ripe
    if staged is None or ripe is None or look.hastened:
        return None
    reason = (
        f"too young: first seen {staged.first_seen:%Y-%m-%d %H:%M} UTC, must age"
        f" {sentences.lasting(look.gate.age)}, until {ripe:%Y-%m-%d %H:%M} UTC"
    )
    shorter = ["a shorter `age`"]
    if not look.gate.skip_age_for_fixes:
        shorter.append("`skip_age_for_fixes: true`")
    said = (
        f"nothing to do: it is looked at again on {ripe:%Y-%m-%d at %H:%M} UTC",
        remedies.keys(look, *shorter),
    )
    return Decision(Hold(ripe), State.HELD, (reason,), remedies=said)


def approved(look: Look) -> Decision | None:
    """Hold until an operator approves, where the gate asks."""
    if not look.asks_approval or look.approval is not None:
        return None
    reason = "its gate asks for an approval, and nobody has given one"
    return Decision(Hold(None), State.HELD, (reason,), remedies=(remedies.approve(look),))


def _untested(look: Look) -> Decision | None:
    test, lost = look.facts.test, lost_test(look)
    if test is None or (lost and look.override):
        return None
    if not lost:
        action = StartTest(test.platform, test.digest, test.attempt + 1)
        reason = f"not tested on {test.platform} yet"
        return Decision(action, State.TESTING, (reason,), remedies=remedies.BY_ITSELF)
    said = (
        "nothing to do if the cause passes: an hour later the sweep tries again",
        remedies.override(look, "its result"),
    )
    return Decision(Rest(), State.FAILED, lost, remedies=said)
