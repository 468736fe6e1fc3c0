"""A sweep that the host ends before it is through: the next ones come to what it did not."""

from shared.messages import LookMessage, decode
from shared.oci.reference import Repository
from tests.machine import CATALOG, STAGING, Life, Machine

NAMES = ("alpine", "debian", "node", "python", "ruby")


def test_no_image_waits_for_ever_when_every_sweep_is_ended_half_way():
    machine = Machine()
    images = "".join(f'  - source: docker.io/library/{name}\n    tags: ["1"]\n' for name in NAMES)
    machine.world.catalog.text = CATALOG.partition("images:")[0] + f"images:\n{images}"
    for name in NAMES:
        repository = Repository(STAGING.registry, name)
        machine.world.registries.push_index(repository, "1", content=name)
    asked: set[str] = set()

    for _ in range(60):
        machine.life = Life(ends_at=20)
        machine.sweep()
        taken = machine.world.queues.take("candidates")
        asked |= {decode(each.text, LookMessage).image for each in taken}

    assert len(machine.deaths) == 60
    assert asked == set(NAMES)


def test_a_sweep_that_is_ended_half_way_has_made_the_day_s_reports():
    machine = Machine()
    day = machine.world.clock.now().date()
    machine.world.catalog.text = CATALOG + (
        "waivers:\n  - { id: CVE-2025-0001, image: node, reason: no fix, owner: ada, "
        f"expires: {day} }}\n"
    )
    machine.world.registries.push_index(STAGING, "9-alpine", content="white")
    machine.life = Life(ends_at=9)

    machine.sweep()

    assert len(machine.deaths) == 1
    assert "waiver expires soon" in machine.events()
