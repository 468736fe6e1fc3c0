"""One image in one scripted registry, looked at."""

from shared.catalog import Upstream
from shared.oci.manifest import Descriptor
from shared.registry.watcher import UpstreamWatcher
from shared.values import Credential, Resolved
from tests.contract.internet import Internet
from tests.contract.scripted_registry import ScriptedRegistry
from tests.contract.scripted_tokens import basic
from tests.contract.visiting import Tag, resolve
from tests.fakes import image

WHITE = image("white")
FOUND = Resolved(Descriptor(WHITE.media_type, WHITE.digest, len(WHITE.raw)))
USER = Credential("reader", "pass:wörd")
BASIC = basic(USER.username, USER.password)


def registry(host: str, **manners) -> ScriptedRegistry:
    """A registry with one image, app:1."""
    made = ScriptedRegistry(host, **manners)
    made.push("team/app", "1", WHITE)
    return made


def look(here: ScriptedRegistry, *named: Upstream, by: UpstreamWatcher | None = None):
    (found,) = resolve((here.repository("team/app"), "1"), upstreams=named, by=by)
    return found


def sent(net: Internet, host: str) -> list[str]:
    return [f"{each.method} {each.path}" for each in net.to(host)]


def with_tags(host: str, count: int, **manners) -> tuple[ScriptedRegistry, list[Tag]]:
    """A registry with these many tags of one repository."""
    made = ScriptedRegistry(host, **manners)
    for number in range(count):
        made.push("team/app", f"t{number}", WHITE)
    return made, [(made.repository("team/app"), f"t{number}") for number in range(count)]
