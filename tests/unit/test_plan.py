"""The plan: what a watch would do, told without doing any of it."""

import dataclasses
import json
from typing import Any

import pytest

from handlers import plan, planning, watch_upstreams
from shared.errors import Misconfigured, Transient
from shared.messages import IMPORTS, ImportMessage, candidate_id, decode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.watching import Change
from shared.services import Services
from shared.values import Row, Usage
from tests.fakes import World, world

NODE = Repository("docker.io", "library/node")
STAGING = Repository("contosostaging.azurecr.io", "node")
BASE = Repository("contosobase.azurecr.io", "base/node")
CATALOG = """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
defaults: { platforms: [linux/amd64], gate: { scan: trivy, block: high, age: 0h } }
images:
  - source: docker.io/library/node
    tags: [new, moved, back, same, gone]
  - source: quay.io/team/tool
    tags: ["1"]
"""
READING = {  # what the ports say changes nothing, verb by verb
    "clock": {"now"},
    "data_plane": {
        *("head", "manifest", "blob", "referrers"),
        *("tag", "tags", "manifest_entry", "manifests"),
    },
    "upstreams": {"visit"},
    "imports": {"poll"},
    "tasks": {"run", "log", "list", "get", "recent_runs"},
    "ledger": {"rows", "due", "all"},
    "journal": {"read"},
    "catalog_source": {"catalog", "file"},
}


class ReadOnly:
    """A port of which only the reading verbs work."""

    def __init__(self, port: object, verbs: set[str]) -> None:
        self._port, self._verbs = port, verbs

    def __getattr__(self, name: str) -> Any:
        if name in self._verbs:
            return getattr(self._port, name)

        def write(*given: object, **named: object) -> None:
            message = f"{type(self._port).__name__}.{name} writes"
            raise AssertionError(message)

        return write


def read_only(services: Services) -> Services:
    ports = {
        field.name: ReadOnly(getattr(services, field.name), READING.get(field.name, set()))
        for field in dataclasses.fields(services)
        if field.name != "settings"
    }
    return dataclasses.replace(services, **ports)  # type: ignore[arg-type]  # each stands for its port


def changing_world() -> World:
    """A tag of every change there is."""
    made = world(CATALOG)
    made.upstreams.set(NODE, "new", "a")
    for tag, before, now in (("moved", "b", "c"), ("back", "d", "e"), ("same", "f", "f")):
        made.registries.push_index(STAGING, tag, content=before)
        made.upstreams.set(NODE, tag, now)
    made.registries.push_index(STAGING, "gone", content="e")
    made.upstreams.break_("quay.io", "HTTP 503")
    return made


def gathered(services: Services, *names: str) -> planning.Plan:
    return planning.gather(services, names, seconds=60)


def lines(made: World) -> dict[str, planning.Line]:
    return {line.tag: line for line in gathered(made.services).lines}


def printed(capsys: pytest.CaptureFixture[str], made: World, *arguments: str) -> tuple[int, str]:
    code = plan.main(arguments, lambda: made.services)
    return code, capsys.readouterr().out


def upstream(made: World, tag: str) -> Digest:
    head = made.upstreams.content.head(NODE, tag)
    assert head is not None
    return head.digest


def test_it_names_the_change_of_every_watched_tag():
    found = {tag: line.change for tag, line in lines(changing_world()).items()}
    assert found == {
        "new": Change.IMPORT,
        "moved": Change.IMPORT,
        "back": Change.RETAG,
        "same": Change.UNCHANGED,
        "gone": Change.GONE,
        "1": Change.UNREACHABLE,
    }


def test_it_writes_nothing():
    made = changing_world()
    found = gathered(read_only(made.services))
    assert len({line.change for line in found.lines}) == 5


def test_a_watch_does_not_get_past_the_read_only_world():
    with pytest.raises(AssertionError, match="writes"):
        watch_upstreams.handle(read_only(changing_world().services))


def test_what_it_says_of_a_tag_is_what_a_watch_then_does():
    made = changing_world()
    told = gathered(made.services).lines
    watch_upstreams.handle(made.services)
    imports = [decode(sent.text, ImportMessage) for sent in made.queues.take(IMPORTS)]
    assert {(each.image, each.tag, each.digest) for each in imports} == {
        (line.image, line.tag, str(line.upstream)) for line in told if line.change is Change.IMPORT
    }
    for line in told:
        if line.change is Change.RETAG:
            entry = made.registries.tag(line.target, line.tag)
            assert entry is not None
            assert entry.digest == line.upstream


def test_a_line_tells_from_which_digest_to_which_and_the_tags_written():
    made = changing_world()
    before, now = made.registries.tag(STAGING, "moved"), upstream(made, "moved")
    assert before is not None
    found = lines(made)
    assert (found["moved"].staged, found["moved"].upstream) == (before.digest, now)
    assert found["moved"].writes == ("moved", unique_tag("moved", now))
    assert found["moved"].target == STAGING
    assert (found["new"].staged, found["new"].upstream) == (None, upstream(made, "new"))
    assert found["same"].staged == found["same"].upstream == upstream(made, "same")
    assert found["back"].writes == ("back",)
    for tag in ("same", "gone", "1"):
        assert found[tag].writes == ()


def test_an_import_that_is_under_way_is_not_asked_for_again():
    made = changing_world()
    at = made.clock.now().isoformat()
    subject = candidate_id("node", upstream(made, "new"))
    made.ledger.insert(Row(subject, "import", {"state": "running", "at": at}))
    found = lines(made)
    assert found["new"].writes == ()
    assert "an import of it is under way" in found["new"].reason
    assert found["moved"].writes != ()
    assert gathered(made.services).imports == 1


def test_an_import_that_was_given_up_long_ago_is_asked_for_again():
    made = changing_world()
    at = made.clock.now().isoformat()
    subject = candidate_id("node", upstream(made, "new"))
    made.ledger.insert(Row(subject, "import", {"state": "failed", "at": at}))
    made.clock.advance(hours=2)
    assert lines(made)["new"].writes != ()


def test_what_base_holds_already_is_a_fix():
    made = changing_world()
    made.registries.push_index(BASE, "moved", content="b")
    found = lines(made)
    assert (found["moved"].fix, found["new"].fix) == (True, False)
    assert (gathered(made.services).imports, gathered(made.services).fixes) == (2, 1)


def test_only_the_images_asked_for_are_looked_at(capsys):
    made = changing_world()
    assert {line.image for line in gathered(made.services, "node").lines} == {"node"}
    code, out = printed(capsys, made, "node")
    assert (code, "quay.io" in out) == (0, False)


def test_the_table_has_a_row_a_change_and_a_summary(capsys):
    made = changing_world()
    code, out = printed(capsys, made)
    heading, *rows = out.split("\n\n")[0].splitlines()
    assert heading.split() == ["IMAGE", "TAG", "CHANGE", "FROM", "TO", "WHY"]
    assert [row.split()[1:3] for row in rows] == [
        ["new", "import"],
        ["moved", "import"],
        ["back", "retag"],
        ["gone", "gone"],
        ["1", "unreachable"],
    ]
    assert f"-                 {upstream(made, 'new').short}  upstream has" in rows[0]
    assert rows[4].endswith("quay.io/team/tool:1: HTTP 503")
    assert out.rstrip().endswith(
        "6 tags of 2 images: 2 import, 1 retag, 1 unchanged, 1 gone, 1 unreachable. "
        "Looked for 0.0 s. Nothing was done."
    )
    assert code == 1
    assert ["same", "unchanged"] in [
        row.split()[1:3] for row in printed(capsys, made, "--all")[1].splitlines()
    ]


def test_what_each_registry_was_asked_is_told(capsys):
    made = changing_world()
    made.upstreams.limit("docker.io", Usage(remaining=97, limit=100))
    _, out = printed(capsys, made)
    [row] = [row for row in out.splitlines() if row.startswith("docker.io")]
    assert row.split(maxsplit=1)[1].endswith("97 of 100   -")
    usage = json.loads(printed(capsys, made, "--json")[1])["registries"]
    assert usage["docker.io"]["requests"] >= 5


def test_a_world_in_which_every_registry_answers_is_exit_code_0(capsys):
    made = changing_world()
    made.upstreams.break_("quay.io", "")
    assert printed(capsys, made)[0] == 0
    assert printed(capsys, made, "--json")[0] == 0


def test_json_says_the_same(capsys):
    made = changing_world()
    code, out = printed(capsys, made, "--json")
    body = json.loads(out)
    assert code == 1
    assert body["at"] == "2026-11-23T12:00:00+00:00"
    assert body["catalog"]["place"] == "catalog.yaml"
    assert {name: count for name, count in body["counts"].items() if count} == {
        "import": 2,
        "retag": 1,
        "unchanged": 1,
        "gone": 1,
        "unreachable": 1,
    }
    assert body["lines"][0] == {
        "image": "node",
        "source": "docker.io/library/node",
        "tag": "new",
        "change": "import",
        "from": None,
        "to": str(upstream(made, "new")),
        "why": f"upstream has {upstream(made, 'new').short}…, staging nothing",
        "target": "contosostaging.azurecr.io/node",
        "writes": ["new", unique_tag("new", upstream(made, "new"))],
        "fix": False,
    }
    assert [line["change"] for line in body["lines"]] == [
        *("import", "import", "retag", "unchanged", "gone", "unreachable")
    ]


def test_the_catalogs_notes_are_told(capsys):
    made = world(CATALOG.replace("age: 0h", "age: 0h, require: [sbom]"))
    notes = gathered(made.services).catalog.notes
    assert notes
    _, out = printed(capsys, made)
    assert out.splitlines()[-len(notes) :] == [f"note: {note}" for note in notes]
    assert json.loads(printed(capsys, made, "--json")[1])["notes"] == list(notes)


def test_control_characters_of_a_registrys_answer_do_not_reach_the_terminal(capsys):
    made = changing_world()
    made.upstreams.break_("quay.io", "\x1b[2Jowned\nIMAGE  forged")
    _, out = printed(capsys, made)
    assert "\x1b" not in out
    assert "\nIMAGE  forged" not in out


@pytest.mark.parametrize(("error", "code"), [(Transient("no answer"), 1), (Misconfigured("no"), 2)])
def test_a_staging_registry_that_cannot_be_asked_is_no_stack_trace(capsys, error, code):
    made = changing_world()

    class Refusing:
        def tags(self, repository: Repository) -> None:
            raise error

    broken = dataclasses.replace(made.services, data_plane=Refusing())  # type: ignore[arg-type]  # one verb
    assert plan.main([], lambda: broken) == code
    out, err = capsys.readouterr()
    assert str(error) in out
    assert err == ""
