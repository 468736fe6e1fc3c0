"""The task files, read as acr-builder reads them: text first, then a shell line, then a script."""

import re
from pathlib import Path

import pytest
import yaml

from shared.azure import task_values

TASKS = Path(__file__).parents[2] / "infra/tasks"
FILES = ["scan.yaml", "test.yaml"]
VALUES = ["repository", "digest", "platform", "candidate", "seconds"]


def text(name: str) -> str:
    return (TASKS / name).read_text()


def steps(name: str) -> list[dict[str, str]]:
    """The steps of a task rendered with placeholders that YAML takes as they are."""
    found: list[dict[str, str]] = yaml.safe_load(text(name))["steps"]
    return found


def split(command: str) -> tuple[str, str, str]:
    """A step's command as image, script and the words after it."""
    match = re.fullmatch(r"(\S+) -c '\n(.*?)' (.*)", command.strip(), re.DOTALL)
    assert match, command
    return match[1], match[2], match[3]


@pytest.mark.parametrize("name", FILES)
def test_only_the_tool_image_is_a_step_and_its_place_is_the_one_placeholder(name):
    assert "tools: '{tools}'\n" in text(name)
    assert text(name).count("{tools}") == 1
    assert {split(step["cmd"])[0] for step in steps(name)} == {"tools"}
    assert {step["entryPoint"] for step in steps(name)} == {"/bin/sh"}


@pytest.mark.parametrize("name", FILES)
def test_steps_use_only_what_both_runners_play(name):
    assert {key for step in steps(name) for key in step} == {"id", "entryPoint", "cmd"}
    assert yaml.safe_load(text(name))["version"] == "v1.1.0"


@pytest.mark.parametrize("name", FILES)
def test_every_rendered_thing_stands_in_single_quotes_of_the_agent_s_shell(name):
    for step in steps(name):
        _, script, words = split(step["cmd"])
        assert "{{" not in script
        assert "'" not in script
        bare = re.sub(r"'[^']*'", "", words)
        assert re.fullmatch(r"[a-z]+[ \\\n]*", bare), bare


@pytest.mark.parametrize("name", FILES)
def test_a_rendered_thing_is_a_plain_lookup_and_nowhere_but_in_commands(name):
    everywhere = re.findall(r"\{\{.*?\}\}", text(name))
    in_commands = [
        found for step in steps(name) for found in re.findall(r"\{\{.*?\}\}", step["cmd"])
    ]
    assert everywhere == in_commands
    allowed = {f"{{{{.Values.{value}}}}}" for value in VALUES}
    allowed |= {"{{.Run.Registry}}", "{{.Run.SharedVolume}}"}
    assert set(everywhere) <= allowed


@pytest.mark.parametrize("name", FILES)
def test_the_first_step_checks_every_value(name):
    first = steps(name)[0]
    assert first["id"] == "check"
    _, script, words = split(first["cmd"])
    assert re.findall(r"'([^']*)'", words) == [
        "{{.Run.Registry}}",
        *(f"{{{{.Values.{value}}}}}" for value in VALUES),
    ]
    checked = re.findall(r'^\s*accept (\w+) "\$(\d)"', script, re.MULTILINE)
    assert checked == [(what, str(place)) for place, what in enumerate(["registry", *VALUES], 1)]


@pytest.mark.parametrize("name", FILES)
def test_nothing_but_the_tools_alias_is_replaced(name):
    assert yaml.safe_load(text(name))["alias"]["directive"] == "~"
    for step in steps(name):
        _, script, words = split(step["cmd"])
        assert "~" not in script
        assert "$" not in words
        assert re.findall(r"~\w*", words) in ([], ["~tools"])


@pytest.mark.parametrize("name", FILES)
def test_no_tilde_stands_anywhere_but_in_the_alias(name):
    assert re.findall(r"\S*~\S*", text(name)) in (["'~'"], ["'~'", "'~tools'"])


@pytest.mark.parametrize("name", FILES)
def test_the_app_sends_the_platforms_that_the_check_accepts(name):
    (accepted,) = re.findall(r'accept platform "\$4" "(.*)"', text(name))
    assert task_values.PATTERNS["platform"].pattern.replace("(?:", "(") == accepted


@pytest.mark.parametrize("name", FILES)
def test_no_line_of_a_script_looks_like_a_comment_which_would_vanish(name):
    for step in steps(name):
        lines = step["cmd"].splitlines()
        assert not [line for line in lines if line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", FILES)
def test_a_script_takes_as_many_words_as_it_is_given(name):
    for step in steps(name):
        _, script, words = split(step["cmd"])
        given = len(re.findall(r"'[^']*'", words))
        body = re.sub(r"(?m)^(refuse|accept)\(\) \{.*?\}$", "", script, flags=re.DOTALL)
        used = {int(number) for number in re.findall(r"\$\{?(\d)", body)}
        assert used == set(range(1, given + 1)), step["id"]


def test_the_report_is_named_by_the_last_step_and_by_no_other():
    assert [step["id"] for step in steps("scan.yaml")] == ["check", "scan", "attach", "name"]
    naming = [step["id"] for step in steps("scan.yaml") if "breakwater-report" in step["cmd"]]
    assert naming == ["name"]
    assert "breakwater-report" not in text("test.yaml")


def test_the_scan_is_remote_quiet_offline_and_uses_our_own_databases():
    script = split(steps("scan.yaml")[1]["cmd"])[1]
    for part in ("--image-src remote", "--quiet", "--offline-scan", "--list-all-pkgs", "--skip-version-check",
                 '--db-repository "$databases/', '--java-db-repository "$databases/', ">said.log 2>&1"):  # fmt: skip
        assert part in script


def test_what_no_stand_in_plays_is_among_the_packages_a_machine_is_given():
    packages = (TASKS.parents[1] / "tools/debian-packages").read_text().split()
    played = {path.name for path in (TASKS.parents[1] / "local/tools/bin").iterdir()}
    for name in FILES:
        tools = set(re.findall(r"^ *(trivy|jq|oras|docker)\b", text(name), re.MULTILINE))
        assert tools <= played | set(packages)
    assert "jq" not in played


def test_the_image_under_test_is_caged():
    script = split(steps("test.yaml")[-1]["cmd"])[1]
    for part in ("--rm", "--network none", "--cap-drop ALL", "--security-opt no-new-privileges",
                 "--pids-limit 256", "--memory 1g", "--read-only", "--tmpfs /tmp", ':/t:ro"', "3>&- 4>&-",
                 "timeout -k 2", "--entrypoint /bin/sh"):  # fmt: skip
        assert part in script
    assert "docker.sock" not in text("test.yaml")
    assert "--privileged" not in text("test.yaml")
    assert "--env" not in script
