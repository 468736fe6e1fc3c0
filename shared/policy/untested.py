"""Whether a test run that did not succeed says anything about the image it was to test."""

from shared.oci.digest import Digest


def untested(log: str, digest: Digest) -> str:
    """Return why the run is no verdict, or "" when the image was started and said no.

    Both lines are the test task's own: every line of the image's is marked (infra/tasks/test.yaml).
    """
    lines = {line.removesuffix("\r") for line in log.split("\n")}
    if f"breakwater-lost {digest}" in lines:
        return "docker could not run it"
    if f"breakwater-test {digest}" not in lines:
        return "it ended before the image was started"
    return ""
