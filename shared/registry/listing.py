"""A repository's whole list of tags, or the reason why there is none."""

from collections.abc import Callable

from yarl import URL

from shared.oci.reference import Repository
from shared.registry import answers, paging
from shared.registry.client import Client
from shared.registry.transport import Answer
from shared.values import Listed, Unresolved

_LARGEST_PAGE = 8 * 1024 * 1024  # bytes; gcr.io adds every manifest's times to its lists
_MOST_PAGES = 2500
_MOST_TAGS = 250_000
_REPEATS = "its list of tags repeats itself"
_OK, _NOT_FOUND = 200, 404


async def tags(
    client: Client, repository: Repository, keep: Callable[[str], bool]
) -> Listed | Unresolved | None:
    """List the tags page by page; None when there is no such repository. Raises BreakwaterError.

    Only the whole list counts: a page that fails, an endless list (2,500 pages, 250,000 tags, a page that
    comes again) or a next page on another host make it Unresolved.
    """
    path = repository.path
    answer = await _page(client, client.url(path, "tags/list").with_query(n=paging.PAGE), path)
    if answer.status == _NOT_FOUND and paging.is_name_unknown(answer.content):
        return None
    kept, count, before, firsts = list[str](), 0, set[str](), set[str]()
    for _ in range(_MOST_PAGES):
        if answer.status != _OK:
            return Unresolved(answers.refused(answer))
        try:
            found, length = paging.names(answer.content)
        except paging.InvalidPage as error:
            return Unresolved(str(error))
        link = paging.following(answer.headers.getall("Link", []))
        if found and found[0] in firsts:
            # Without a Link it was only a guess that there is more: this one gives all at once.
            return Unresolved(_REPEATS) if link else Listed(tuple(kept), count)
        firsts.update(found[:1])
        fresh = [each for each in found if each not in before]  # a push may move a page's end
        before, count = set(found), count + len(fresh)
        kept += filter(keep, fresh)
        if count > _MOST_TAGS:
            return Unresolved(f"expected at most {_MOST_TAGS} tags, found more")
        url = _next(answer, link, found[-1] if length == paging.PAGE and found else "")
        if isinstance(url, Unresolved):
            return url
        if url is None:
            return Listed(tuple(kept), count)
        answer = await _page(client, url, path)
    return Unresolved(f"expected at most {_MOST_PAGES} pages of tags, found more")


async def _page(client: Client, url: URL, path: str) -> Answer:
    return await client.follow("GET", url, path, accept="application/json", limit=_LARGEST_PAGE)


def _next(answer: Answer, link: str, last: str) -> URL | Unresolved | None:
    """Return where the next page is: as the Link says, else, after a full page, behind its last tag."""
    if not link:
        return answer.url.update_query(n=paging.PAGE, last=last) if last else None
    try:
        url = answer.url.join(URL(link, encoded=True))
        is_here = (url.scheme, url.host, url.port, url.user) == _where(answer.url)
    except ValueError:
        return Unresolved("its next page of tags has no URL")
    if not is_here:
        return Unresolved("its next page of tags is on another host")
    return Unresolved(_REPEATS) if url == answer.url else url


def _where(url: URL) -> tuple[str, str | None, int | None, None]:
    return url.scheme, url.host, url.port, None
