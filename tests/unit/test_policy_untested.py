"""A test run that ended badly is a verdict only if the image under test was started."""

import pytest

from shared.policy.untested import untested
from tests import builders

DIGEST, OTHER = builders.a_digest(1), builders.a_digest(2)
STARTED, LOST = f"breakwater-test {DIGEST}", f"breakwater-lost {DIGEST}"


@pytest.mark.parametrize(
    "log",
    [
        STARTED,
        f"pulling\r\n{STARTED}\r\ntest: it is red\r\n",
        f"{STARTED}\ntest: x\n\n{STARTED}\nthe test failed with exit status 7\n",
        f"{STARTED}\ntest: {LOST}\n",
        f"{STARTED}\nbreakwater-lost {OTHER}\n",
        f"{STARTED}\ntest: x\r{LOST}\n",
    ],
)
def test_a_log_that_says_the_image_was_started_is_a_verdict(log: str):
    assert untested(log, DIGEST) == ""


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("", "before the image was started"),
        ("docker: pull: no route to host\n", "before the image was started"),
        (f"test: {STARTED}\n", "before the image was started"),
        (f"test: x\r{STARTED}\n", "before the image was started"),
        (f"{STARTED} and more\n", "before the image was started"),
        (f"breakwater-test {OTHER}\n", "before the image was started"),
        (f"{STARTED}\n{LOST}\n", "docker could not run it"),
        (f"{STARTED}\r\ntest: no space\r\n\r\n{LOST}\r\n", "docker could not run it"),
    ],
)
def test_any_other_log_is_none(log: str, why: str):
    assert why in untested(log, DIGEST)
