"""A registry says something was pushed: watch just those images now."""

import json

from handlers import catalogs, watch_upstreams
from shared.policy.webhooks import concerned, mentioned
from shared.services import Services

_LARGEST = 1024 * 1024  # bytes of a webhook's body


def handle(services: Services, body: bytes) -> tuple[int, str]:
    """Return an HTTP status and a sentence. The body is a hint: digests come from the registry."""
    if len(body) > _LARGEST:
        return 413, f"expected a webhook of at most {_LARGEST} bytes, found {len(body)}\n"
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return 400, "expected a registry's webhook in JSON\n"
    paths = mentioned(parsed)
    images = concerned(catalogs.current(services).images, paths)
    if not images:
        named = ", ".join(sorted(paths)) or "no repository"
        return 200, f"nothing to do: the catalog has no image from {named[:200]}\n"
    watch_upstreams.handle(services, frozenset(each.name for each in images))
    return 202, f"watched {', '.join(each.name for each in images)}\n"
