"""What one key alone cannot tell about the registries a catalog reads."""

from collections.abc import Iterator

from shared.catalog_faults import Path, quoted
from shared.catalog_parts import Keys, Problem, entries, namespace, repeated, source_of
from shared.catalog_yaml import Node, line
from shared.oci.reference import is_host

_ACR = (".azurecr.io", ".azurecr.cn", ".azurecr.us")  # login servers (ACR docs, sovereign clouds)


def upstream_problems(root: Node, document: Keys) -> Iterator[Problem]:
    """Find everything wrong between the upstreams, and between them and the rest of the catalog."""
    read = {found.registry for _, each in entries(document, "images") if (found := source_of(each))}
    first: dict[str, int] = {}
    for number, upstream in entries(document, "upstreams"):
        here: Path = ("upstreams", number)
        yield from repeated(root, document, (*here, "realms"), "a host named once")
        if "credentials" in upstream and upstream.get("entra") is True:
            expected = "no `credentials` beside `entra: true`, where the app signs in as itself"
            yield (*here, "credentials"), expected, quoted(upstream["credentials"])
        written = upstream.get("registry")
        if not isinstance(written, str) or not is_host(written):
            continue
        host = written.lower()
        if upstream.get("entra") is True and not _is_acr(host):
            # The app's own token would go to whoever answers there.
            expected = "`entra` only for an Azure container registry, like contoso.azurecr.io"
            yield (*here, "entra"), expected, quoted(written)
        expected = ""
        if first.setdefault(host, number) != number:
            other = line(root, ("upstreams", first[host], "registry"))
            expected = f"a registry named once (first on line {other})"
        elif role := _own(document, host):
            expected = f"a registry other than {role}'s: upstreams are only read"
        elif host not in read:
            among = f"; they come from {', '.join(sorted(read))}" if read else ""
            expected = f"a registry that an image comes from{among}"
        if expected:
            yield (*here, "registry"), expected, quoted(written)


def _is_acr(host: str) -> bool:
    """Tell whether a host is an ACR's, of any of Azure's clouds, or one of a machine's own network."""
    name = host.partition(":")[0]
    return "." not in name or name.endswith(_ACR)


def _own(document: Keys, host: str) -> str | None:
    for role in ("staging", "base"):
        space = namespace(document, role)
        if space and space.registry == host:
            return role
    return None
