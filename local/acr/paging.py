"""Pages of a sorted list by `n` and `last`, with the Link that leads to the next one."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from local.acr.errors import RegistryError

PAGE = 100  # what a request without `n` gets
LARGEST_PAGE = 1000


def page(
    names: Sequence[str], path: str, query: Mapping[str, str], *, sorted_by_name: bool = True
) -> tuple[list[str], dict[str, str]]:
    """Return the names after `last`, at most `n`, and the headers that lead on.

    Raises RegistryError if `n` is no number.
    """
    size = _size(query.get("n"))
    rest = _after(names, query.get("last", ""), sorted_by_name=sorted_by_name)
    found = rest[:size]
    if size == 0 or len(rest) <= size:
        return found, {}
    wanted = {**query, "last": found[-1], "n": str(size)}
    return found, {"Link": f'<{path}?{urlencode(wanted)}>; rel="next"'}


def _after(names: Sequence[str], last: str, *, sorted_by_name: bool) -> list[str]:
    if not last:
        return list(names)
    if sorted_by_name:
        return [name for name in names if name > last]
    # In another order only its place tells what follows; if it is gone, begin again.
    return list(names[names.index(last) + 1 :]) if last in names else list(names)


def _size(text: str | None) -> int:
    if text is None:
        return PAGE
    if not text.isdecimal():
        message = f"n: expected a number of results, found {text[:40]!r}"
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", message)
    return min(int(text), LARGEST_PAGE)
