"""Asking for the rebuilds of everything built on a base tag."""

from shared.catalog import Catalog
from shared.messages import REBUILDS, RebuildMessage, encode
from shared.oci.digest import Digest
from shared.oci.reference import Repository
from shared.policy import rebuilds
from shared.services import Services


def ask(
    services: Services, catalog: Catalog, base: Repository, tag: str, digest: Digest, trace: str
) -> int:
    """Enqueue a rebuild of each app last built on another digest of the tag; return how many."""
    asked = 0
    for registry in catalog.apps:
        tasks = services.tasks.list(registry)
        for task in rebuilds.dependants(tasks, base, tag, digest):
            message = RebuildMessage(registry, task.name, str(base), tag, str(digest), trace)
            services.queues.send(REBUILDS, encode(message))
            asked += 1
    return asked
