"""Why a candidate is where it is, and what would change that, as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from handlers import catalogs
from handlers.asked import expected, is_digest, query
from handlers.explaining import explained
from handlers.ruling import listed, tagged
from handlers.signed_in import Answer, Refused, answered
from shared.catalog import Catalog
from shared.oci.digest import Digest
from shared.oci.reference import is_path, is_tag
from shared.operators import Operator, Role
from shared.services import Services


def handle(services: Services, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
    """Explain an image's digest, or what staging holds under its tag now; the answer says which that is."""

    def act(_who: Operator) -> Answer:
        given = query(parameters, ("image", "digest", "tag"))
        name = given.get("image")
        if name is None or not is_path(name):
            raise expected("image", "an image's name in the catalog", name)
        if ("digest" in given) == ("tag" in given):
            found = "both" if "tag" in given else None
            raise expected("digest", "either a digest or a tag", found)
        asked = _tag(given["tag"]) if "tag" in given else _digest(given["digest"])
        catalog = catalogs.current(services)
        digest = asked if isinstance(asked, Digest) else _resolved(services, catalog, name, asked)
        answer = explained(services, name, digest, catalog)
        if answer is None:
            raise _unknown(services, catalog, name, digest)
        told = list(_told(given, digest, answer))
        return Answer(200, {"told": told, **given, **answer, "digest": str(digest)})

    return answered(services, headers, Role.READER, act)


def _told(given: Mapping[str, str], digest: Digest, answer: Mapping[str, Any]) -> Iterator[str]:
    """Say it in sentences, for those who read no JSON."""
    tagged_as = f" (staging's {given['tag']})" if "tag" in given else ""
    yield f"{given['image']}@{digest}{tagged_as}:"
    yield from answer["why"]
    yield from (f"what would change that: {each}" for each in answer["would_change"])
    yield f"it is looked at again {answer['looked_at_again']}"


def _digest(text: str) -> Digest:
    if not is_digest(text):
        raise expected("digest", "sha256:<64 hex digits>", text)
    return Digest(text)


def _tag(text: str) -> str:
    if not is_tag(text):
        raise expected("tag", "a tag", text)
    return text


def _resolved(services: Services, catalog: Catalog, name: str, tag: str) -> Digest:
    """Resolve a tag in staging, where candidates are. Raises Refused."""
    image = listed(services, catalog, name)
    staging = catalog.staging.repository(name)
    found = services.data_plane.head(staging, tag)
    if found is None:
        there = tagged(services, staging, image)
        raise Refused(404, f"staging has no {staging.tagged(tag)}; there is {there}")
    return found.digest


def _unknown(services: Services, catalog: Catalog, name: str, digest: Digest) -> Refused:
    """Return the refusal, with what there is. Raises Refused when the catalog lists no such image."""
    image = listed(services, catalog, name)
    staging = catalog.staging.repository(name)
    there = tagged(services, staging, image)
    return Refused(404, f"nothing is known of {name}@{digest}; in {staging} there is {there}")
