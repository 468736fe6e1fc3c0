"""A registry says something was pushed: have just those images watched now."""

import logging
from collections.abc import Iterable, Iterator, Mapping

from handlers import catalogs
from handlers.traces import new_trace
from shared.catalog import Catalog
from shared.messages import LARGEST, WATCH, WatchMessage, encode
from shared.policy.proofs import lacking, secret_of
from shared.policy.webhooks import Sender, Webhook, addressed, concerned, read, recognise
from shared.services import Services

_log = logging.getLogger("breakwater.webhook")

_LARGEST = 1024 * 1024  # bytes of a webhook's body
_ROOM = LARGEST - 1024  # bytes of names in one message, beside its envelope
_SHOWN = 20  # names in an answer

type Answer = tuple[int, str]


def handle(services: Services, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Return an HTTP status and a sentence; the looks it asks for come by the queue.

    The body is a hint: digests come from the registry. So the same webhook twice, replayed, or once for each
    platform of an image (Docker Hub) costs a look each and changes nothing. Raises Misconfigured when
    the catalog names a secret that the settings lack.
    """
    if len(body) > _LARGEST:
        return 413, f"expected a webhook of at most {_LARGEST} bytes, found {len(body)}\n"
    given = {name.lower(): value for name, value in headers.items()}
    try:
        parsed = read(body, given.get("content-type", ""))
    except ValueError as error:
        return 400, f"{error}\n"
    webhook = recognise(parsed, given)
    if webhook is None:
        senders = ", ".join(each.value for each in Sender)
        return 400, f"expected a push webhook of one of {senders}, found another JSON\n"
    catalog = catalogs.current(services)
    refused = _refused(services, catalog, webhook, body, given)
    if refused and len(refused) == len(_addressed(catalog, webhook)):
        _log.warning("a webhook was refused: %s", "; ".join(refused.values()))
        return 401, f"{'; '.join(refused.values())}\n"
    return _ask(services, catalog, webhook, refused)


def _addressed(catalog: Catalog, webhook: Webhook) -> frozenset[str]:
    return addressed(webhook, {image.source.registry for image in catalog.images})


def _refused(
    services: Services, catalog: Catalog, webhook: Webhook, body: bytes, headers: Mapping[str, str]
) -> dict[str, str]:
    """Return the registries it speaks for without their proof, and why; whatever images there are."""
    refused: dict[str, str] = {}
    for registry in sorted(_addressed(catalog, webhook)):
        secret = secret_of(catalog.upstream(registry), services.settings.webhook_secrets)
        if secret and (why := lacking(webhook.sender, secret, body, headers)):
            refused[registry] = f"webhooks about {registry} need a proof: {why}"
    return refused


def _ask(
    services: Services, catalog: Catalog, webhook: Webhook, refused: Mapping[str, str]
) -> Answer:
    proved = (each for each in catalog.images if each.source.registry not in refused)
    names = [image.name for image in concerned(proved, webhook)]
    left_out = "".join(f"; {why}" for why in refused.values())
    if not names:
        paths = {push.path for push in webhook.pushes}
        what = f"no image is watched at {_listed(paths)}" if paths else "it tells of no push"
        return 200, f"nothing to do: {what}{left_out}\n"
    trace = new_trace()
    for batch in _batches(names):
        services.queues.send(WATCH, encode(WatchMessage(batch, trace)))
    _log.info("%s pushed, trace %s: looking at %s", webhook.sender.value, trace, _listed(names))
    return 202, f"looking at {_listed(names)}{left_out}\n"


def _batches(names: Iterable[str]) -> Iterator[str]:
    """Put the names into as few messages as they fit in."""
    batch = ""
    for name in names:
        if batch and len(batch) + 1 + len(name) > _ROOM:
            yield batch
            batch = ""
        batch = f"{batch} {name}" if batch else name
    if batch:
        yield batch


def _listed(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    ordered = list(names) if isinstance(names, list) else sorted(names)
    more = len(ordered) - _SHOWN
    return ", ".join(ordered[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
