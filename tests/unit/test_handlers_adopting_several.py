"""Adoption under several tags: those that base lacks, those that are ours, those that others promoted."""

from handlers import gathering
from shared.messages import candidate_id
from shared.oci.tags import unique_tag
from tests.adoption import a_machine, adopted, refused, swept
from tests.machine import BASE, CATALOG, PLATFORMS, TAG, Machine

SLIM = "9-slim"


def with_both_tags(machine: Machine) -> None:
    machine.world.catalog.text = CATALOG.replace(f"[{TAG}]", f"[{TAG}, {SLIM}]")


def told(tag: str) -> tuple[str]:
    return (f"promoted by others, before Breakwater: base's {tag} is it",)


def test_a_tag_that_base_lacks_keeps_no_other_from_being_adopted():
    machine, registries, digest = a_machine()
    with_both_tags(machine)
    refused(machine)
    registries.delete(BASE, TAG)
    registries.push_index(BASE, SLIM, content="old", platforms=PLATFORMS)

    swept(machine)

    assert adopted(machine) == [told(SLIM)]
    assert registries.tag(BASE, unique_tag(SLIM, digest)) is not None


def test_what_is_ours_under_one_tag_keeps_no_other_from_being_adopted():
    machine, registries, _ = a_machine()
    with_both_tags(machine)
    registries.delete(BASE, TAG)
    machine.watch()
    machine.settle()
    ours = registries.head(BASE, TAG)
    assert ours is not None
    registries.push_index(BASE, SLIM, content="by others", platforms=PLATFORMS)
    registries.asked = 0

    machine.sweep()

    assert registries.asked == 1  # of what others promoted alone
    assert adopted(machine) == [told(SLIM)]


def test_one_digest_under_two_tags_is_one_adoption_with_a_line_for_each():
    machine, registries, digest = a_machine()
    with_both_tags(machine)
    refused(machine)
    registries.copy(registries, BASE, digest, BASE, (SLIM,))
    registries.asked = 0

    machine.sweep()

    assert registries.asked == 1
    assert adopted(machine) == [told(TAG), told(SLIM)]


def test_a_tag_adopted_later_is_remembered_beside_the_first():
    machine, registries, digest = a_machine()
    with_both_tags(machine)
    refused(machine)
    swept(machine)
    registries.copy(registries, BASE, digest, BASE, (SLIM,))

    for _ in range(2):
        swept(machine)

    rows = {row.key: row for row in machine.world.ledger.rows(candidate_id("node", digest))}
    assert rows[gathering.ADOPTED].values == {"by": gathering.OTHERS, "tags": f"{TAG} {SLIM}"}
    assert adopted(machine) == [told(TAG), told(SLIM)]
