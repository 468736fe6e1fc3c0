"""What the three tables share: the client, keys that any text fits into, errors."""

import re
from contextlib import AbstractContextManager

from azure.core.credentials import TokenCredential
from azure.data.tables import TableClient, TableServiceClient

from shared.azure import patience
from shared.azure.errors import translated
from shared.errors import Permanent

_LONGEST_KEY = 512  # characters; a key is at most 1 KiB of UTF-16
_FORBIDDEN = re.compile(
    r"[/\\#?%!\x00-\x1f\x7f-\x9f]"
)  # Azure's own, and ours: ! escapes, % misleads
_ESCAPED = re.compile(r"!([0-9a-f]{2})")


def service(endpoint: str, credential: TokenCredential) -> TableServiceClient:
    """Make the client for every table at the table service's URL."""
    return TableServiceClient(endpoint, credential=credential, **patience.TABLES)


def escape(text: str) -> str:
    """Return the text as a PartitionKey or RowKey: forbidden characters as ! and two hex digits."""
    key = _FORBIDDEN.sub(lambda match: f"!{ord(match[0]):02x}", text)
    if len(key) > _LONGEST_KEY:
        message = f"expected a key of at most {_LONGEST_KEY} characters, found {text[:100]!r}…"
        raise Permanent(message)
    return key


def unescape(key: str) -> str:
    """Return the text a key was made of."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), key)


def at(table: TableClient) -> AbstractContextManager[None]:
    """Run calls to a table with our errors."""
    missing = f"table {table.table_name} does not exist in {table.url}; deploy creates it"
    return translated(f"table {table.table_name} of {table.url}", missing=missing)
