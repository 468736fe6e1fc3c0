"""Who the app is: one DefaultAzureCredential for the process, made when first needed."""

import functools
from collections.abc import Callable

from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential

from shared.azure.errors import translated


@functools.cache
def credential() -> TokenCredential:
    """Return the process's credential; AZURE_CLIENT_ID and AZURE_TOKEN_CREDENTIALS steer it."""
    return DefaultAzureCredential()


def tokens_for(audience: str) -> Callable[[], str]:
    """Return what fetches an Entra token for the audience; azure-identity caches it.

    The function raises Misconfigured when there is no identity.
    """

    def token() -> str:
        with translated(f"a token for {audience}"):
            return credential().get_token(f"{audience}/.default").token

    return token
