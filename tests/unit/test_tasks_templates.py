"""Task templates and aliases: what is rendered, what renders empty, and what is refused."""

import pytest

from local.tasks.aliases import AliasError, resolve_command, substitute
from local.tasks.templates import TemplateError, drop_comments, render

RUN = {
    "ID": "ca1",
    "Registry": "localhost:5001",
    "RegistryName": "contosostaging",
    "SharedVolume": "vol",
}


def test_run_build_and_values_fields_are_rendered():
    text = "{{.Run.Registry}}/{{ .Values.repo }}:{{.Build.ID}}"
    assert render(text, RUN | {}, {"repo": "node"}) == "localhost:5001/node:ca1"


def test_a_value_that_was_not_given_renders_empty():
    assert render("'{{.Values.digest}}'", RUN, {}) == "''"


def test_a_value_is_not_escaped_nor_rendered_again():
    assert (
        render("'{{.Values.x}}'", RUN, {"x": "'; touch /x; {{.Run.ID}}"})
        == "''; touch /x; {{.Run.ID}}'"
    )


@pytest.mark.parametrize(
    "action",
    [
        "if .Values.x",
        ".Values.x | quote",
        ".Secrets.pw",
        ".ValuesJSON",
        ".Run.Nope",
        "- .Run.ID -",
        ".Values.a.b",
        "",
    ],
)
def test_any_other_action_is_an_error_that_names_it_and_its_line(action):
    with pytest.raises(TemplateError, match="line 2") as caught:
        render(f"steps:\n  - cmd: {{{{{action}}}}}\n", RUN, {})
    assert action.rpartition(".")[2] in str(caught.value)


def test_an_action_without_an_end_is_an_error():
    with pytest.raises(TemplateError, match="line 1"):
        render("a {{.Run.ID", RUN, {})


def test_lines_starting_with_a_hash_vanish_inside_scripts_too():
    text = "steps:\n# one {{bad}}\n  - cmd: |\n      a\n      # b\n      c # d\n"
    assert drop_comments(text) == "steps:\n  - cmd: |\n      a\n      c # d\n"


def test_own_aliases_run_aliases_and_the_escape_are_replaced():
    text = (
        "version: v1.1.0\nalias:\n  values:\n    tools: base/tools/cssc@sha256:1\n"
        "steps:\n  - cmd: $tools $ID $$ID $nope ${ID}\n"
    )
    aliased = substitute(text, RUN)
    assert (
        aliased.text
        == "version: v1.1.0\nsteps:\n  - cmd: base/tools/cssc@sha256:1 ca1 $ID $nope ${ID}\n"
    )


def test_the_longest_run_of_letters_and_digits_is_the_name():
    assert substitute("$ID_1 $IDx $ID-$ID$ID\n", RUN).text == "ca1_1 $IDx ca1-ca1ca1\n"


def test_an_own_alias_wins_over_the_engine_s():
    text = "alias:\n  values:\n    cssc: mine/tools/cssc:1\nsteps: []\n"
    assert (
        resolve_command("cssc trivy image", substitute(text, RUN).aliases)
        == "mine/tools/cssc:1 trivy image"
    )


def test_a_bare_image_alias_is_replaced_at_the_head_of_a_command_only():
    aliases = substitute("steps: []\n", RUN).aliases
    assert (
        resolve_command("bash echo bash", aliases) == "mcr.microsoft.com/acr/bash:2ff604c echo bash"
    )
    assert resolve_command("img:1 bash", aliases) == "img:1 bash"


def test_another_directive_is_honoured():
    text = "alias:\n  directive: '&'\n  values:\n    a: b\nsteps: $a &a\n"
    assert substitute(text, RUN).text == "steps: $a b\n"


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ("  src: [https://example.com/x]", "alias.src"),
        ("  valuse: {a: b}", "alias.valuse"),
        ("  directive: ab", "alias.directive"),
        ("  values: {a_b: c}", "alias.values"),
    ],
)
def test_a_wrong_alias_block_names_its_place(block, place):
    with pytest.raises(AliasError, match=place):
        substitute(f"alias:\n{block}\nsteps: []\n", RUN)
