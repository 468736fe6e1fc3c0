"""Something was pushed to staging: an image, or a report about one; its candidate is looked at."""

import re

from handlers import catalogs, looking
from handlers.recording import Subject, known
from handlers.traces import new_trace
from shared.catalog import Catalog, Image
from shared.events import Pushed, pushed
from shared.messages import LookMessage
from shared.oci.digest import Digest
from shared.policy.candidate import State
from shared.services import Services

_CANDIDATE = re.compile(r"[0-9a-f]{32}")
_WHY = "something was pushed to staging"
# Before any run was started; so a look can start them, and hardly anything else.
_EARLY = frozenset({State.DETECTED.value, State.IMPORTING.value})


def handle(services: Services, data: object) -> None:
    """Decide and start, never wait: Event Grid waits 30 s for an answer.

    A candidate that has just come is looked at here, which starts its runs. Any other may be ready
    to be promoted, and that takes longer: its look is asked for through the queue.
    """
    event = pushed(data)
    if event is None:
        return
    catalog = catalogs.current(services)
    image = catalog.image_in_staging(event.repository)
    if image is None:
        return
    digest = event.digest if event.tag else _subject(services, catalog, image, event)
    if digest is None:
        return
    subject = Subject(image.name, digest, new_trace())
    row = known(services, subject.id)
    if row is None or row.values["state"] in _EARLY:
        looking.look(services, LookMessage(image.name, str(digest), subject.trace, _WHY))
    else:
        looking.ask(services, subject, _WHY)


def _subject(services: Services, catalog: Catalog, image: Image, event: Pushed) -> Digest | None:
    """Return the candidate an untagged push belongs to, by what is being looked at now.

    A report's annotation may say so, and it proves nothing: it only picks who is looked at.
    """
    repository = catalog.staging.repository(image.name)
    manifest = services.data_plane.manifest(repository, event.digest)
    named = manifest.annotations.get("io.breakwater.candidate", "") if manifest else ""
    if not _CANDIDATE.fullmatch(named):
        return None  # a platform of an index, or somebody else's referrer
    row = known(services, named)
    if row is None or row.values["image"] != image.name:
        return None
    return Digest(str(row.values["digest"]))
