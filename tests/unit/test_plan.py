"""The plan: what a watch would do, told without doing any of it."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from handlers import plan, watch_upstreams
from local import plan as local_plan
from local.platform.claim import Claim
from shared.errors import Misconfigured, Transient
from shared.messages import IMPORTS, ImportMessage, candidate_id, decode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.oci.tags import unique_tag
from shared.policy.watching import Change
from shared.ports import Row
from shared.services import Services
from shared.settings import Settings
from tests.fakes import World, world

NODE, STAGING = (
    Repository("docker.io", "library/node"),
    Repository("contosostaging.azurecr.io", "node"),
)
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
    "upstreams": {"resolve", "referrers"},
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


def lines(made: World) -> dict[str, plan.Line]:
    return {line.tag: line for line in plan.gather(made.services).lines}


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
    found = plan.gather(read_only(made.services))
    assert {line.change for line in found.lines} == set(Change)


def test_a_watch_does_not_get_past_the_read_only_world():
    with pytest.raises(AssertionError, match="writes"):
        watch_upstreams.handle(read_only(changing_world().services))


def test_what_it_says_of_a_tag_is_what_a_watch_then_does():
    made = changing_world()
    told = plan.gather(made.services).lines
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


def test_an_import_that_is_under_way_is_not_announced_again():
    made = changing_world()
    digest = upstream(made, "new")
    made.ledger.insert(Row(candidate_id("node", digest), "import", {"state": "running"}))
    found = lines(made)
    assert found["new"].writes == ()
    assert "an import of it is recorded already" in found["new"].reason
    assert found["moved"].writes != ()


def test_the_table_has_a_row_a_tag_and_a_summary(capsys):
    made = changing_world()
    code, out = printed(capsys, made)
    heading, *rows = out.split("\n\n")[0].splitlines()
    assert heading.split() == ["IMAGE", "TAG", "CHANGE", "FROM", "TO", "WHY"]
    assert [row.split()[1:3] for row in rows] == [
        ["new", "import"],
        ["moved", "import"],
        ["back", "retag"],
        ["same", "unchanged"],
        ["gone", "gone"],
        ["1", "unreachable"],
    ]
    assert f"-                 {upstream(made, 'new').short}  upstream has" in rows[0]
    assert rows[5].endswith("quay.io/team/tool:1: HTTP 503")
    assert out.rstrip().endswith(
        "6 tags of 2 images: 2 import, 1 retag, 1 unchanged, 1 gone, 1 unreachable. Nothing was done."
    )
    assert code == 1


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
    assert body["counts"] == {"import": 2, "retag": 1, "unchanged": 1, "gone": 1, "unreachable": 1}
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
    }
    assert [line["change"] for line in body["lines"]] == [
        *("import", "import", "retag", "unchanged", "gone", "unreachable")
    ]


def test_the_catalogs_notes_are_told(capsys):
    made = world(CATALOG.replace("age: 0h", "age: 0h, compare: not-worse"))
    notes = plan.gather(made.services).catalog.notes
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


def test_every_fault_of_a_bad_catalog_is_told_with_its_line(capsys):
    faulty = "staging: 7\n" + "".join(f"unknown{number}: 1\n" for number in range(150))
    made = world(faulty)
    code = plan.main([], lambda: made.services)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("catalog.yaml:1: ")
    for line in range(2, 152):
        assert f"catalog.yaml:{line}: unknown{line - 2}: " in err
    code, out = printed(capsys, made, "--json")
    assert code == 2
    assert json.loads(out)["faults"] == err.splitlines()


def test_every_fault_of_the_settings_is_told(capsys):
    def connect() -> Services:
        Settings.of({"IMPORT_CONCURRENCY": "many"})
        pytest.fail("these settings are wrong")

    assert plan.main([], connect) == 2
    said = capsys.readouterr().err.splitlines()
    assert "setting IMPORT_CONCURRENCY: expected a whole number from 1 to 100, found 'many'" in said
    assert any(each.startswith("setting AZURE_SUBSCRIPTION_ID: ") for each in said)


@pytest.mark.parametrize(("error", "code"), [(Transient("no answer"), 1), (Misconfigured("no"), 2)])
def test_a_staging_registry_that_cannot_be_asked_is_no_stack_trace(capsys, error, code):
    made = changing_world()

    class Refusing:
        def tags(self, repository: Repository) -> None:
            raise error

    broken = dataclasses.replace(made.services, data_plane=Refusing())  # type: ignore[arg-type]  # one verb
    assert plan.main([], lambda: broken) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{error}\n")


# `make plan`: whose settings are used.


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[str]]]:
    """Stand in for the plan itself; returns the arguments it was given."""
    calls: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        calls.append(list(arguments))
        return 0

    monkeypatch.setattr(plan, "main", main)
    return lambda: calls


def test_settings_of_the_environment_come_first(tmp_path, asked):
    environment = {"AzureWebJobsStorage__queueServiceUri": "https://a", "AZURE_CLIENT_ID": "me"}
    before = dict(environment)
    with Claim(tmp_path).held():
        assert local_plan.main(["--json"], environment, tmp_path) == 0
    assert environment == before
    assert asked() == [["--json"]]


def test_without_settings_those_of_the_running_local_azure_are_used(tmp_path, asked, capsys):
    values = {"ARM_ENDPOINT": "https://localhost:1", "AZURE_CLIENT_ID": "local"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    environment = {"AZURE_SUBSCRIPTION_ID": "x", "AZURE_CLIENT_SECRET": "real", "HOME": "/home/me"}
    claim = Claim(tmp_path)
    with claim.held():
        claim.tell({"control": "http://127.0.0.1:1"})
        assert local_plan.main([], environment, tmp_path) == 0
    assert environment == {"HOME": "/home/me", **values}
    assert asked() == [[]]
    assert str(tmp_path) in capsys.readouterr().err


def test_a_local_azure_that_is_still_starting_is_waited_for(tmp_path, asked, capsys):
    claim = Claim(tmp_path)
    with claim.held():
        claim.tell({"pid": 1})
        assert local_plan.main([], {}, tmp_path) == 2
    assert asked() == []
    assert "still starting" in capsys.readouterr().err


def test_with_neither_it_says_what_to_set(tmp_path, asked, capsys):
    (tmp_path / "local.settings.json").write_text("{}")  # left by one that has stopped
    local_plan.main([], {}, tmp_path)
    assert asked() == [[]]  # which names every setting that is missing
    assert "make up" in capsys.readouterr().err
