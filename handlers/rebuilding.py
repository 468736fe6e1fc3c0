"""Asking for the rebuilds of everything built on a base tag."""

from collections.abc import Iterable

from shared.catalog import Catalog
from shared.messages import REBUILDS, RebuildMessage, encode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy import rebuilds
from shared.services import Services
from shared.values import Task


def ask(
    services: Services,
    catalog: Catalog,
    base: Repository,
    tag: str,
    digest: Digest,
    trace: str,
    *,
    tasks: Iterable[Task] | None = None,
) -> int:
    """Enqueue a rebuild of each app last built on another digest of the tag; return how many.

    `tasks` are the apps' tasks, if the caller has listed them already.
    """
    if tasks is None:
        tasks = [task for registry in catalog.apps for task in services.tasks.list(registry)]
    asked = 0
    for task in rebuilds.dependants(tasks, base, tag, digest):
        message = RebuildMessage(task.registry, task.name, str(base), tag, str(digest), trace)
        services.queues.send(REBUILDS, encode(message))
        asked += 1
    return asked
