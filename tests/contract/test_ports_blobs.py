"""Run logs and contexts, as AcrTasks reads and writes them with signed URLs, on Azurite."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import BlobClient, BlobSasPermissions, BlobServiceClient, generate_blob_sas

from local.platform.storage import ACCOUNT, KEY
from shared.azure import tasks
from shared.errors import Transient
from tests.contract.storage_account import Account, running


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(tmp_path_factory.mktemp("azurite")) as made:
        yield made


@pytest.fixture
def blob(account: Account) -> Iterator[tuple[BlobClient, str]]:
    service = BlobServiceClient(account.blob_endpoint, account.credential)
    container = service.create_container(f"c{uuid.uuid4().hex}")
    client = container.get_blob_client("rawtext.log")
    signature = generate_blob_sas(
        ACCOUNT,
        client.container_name,
        client.blob_name,
        account_key=KEY,
        permission=BlobSasPermissions(read=True, create=True, write=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    yield client, f"{client.url}?{signature}"
    container.delete_container()


def test_a_log_is_empty_until_its_run_writes_and_then_its_end_is_read(blob: tuple[BlobClient, str]):
    client, url = blob
    assert tasks._tail(url, "log").text == ""
    client.create_append_blob()
    assert tasks._tail(url, "log").text == ""
    client.append_block(b"start\r\n" + (b"x" * 99 + b"\n") * 3000 + b"end\r\n")
    tail = tasks._tail(url, "log")
    assert 250 * 1024 < len(tail.text) <= 256 * 1024
    assert tail.text.endswith("x\nend\r\n")
    assert tail.text.startswith("x" * 99 + "\n"), "a line that was cut is no line"
    assert "start" not in tail.text


def test_a_log_is_whole_once_its_blob_says_so(blob: tuple[BlobClient, str]):
    client, url = blob
    client.create_append_blob()
    client.append_block(b"end\r\n")
    assert not tasks._tail(url, "log").whole
    client.set_blob_metadata({"Complete": "succeeded"})
    assert tasks._tail(url, "log").whole


def test_a_context_is_put_as_a_block_blob(blob: tuple[BlobClient, str]):
    client, url = blob
    headers = {"x-ms-blob-type": "BlockBlob"}
    tasks._blob("PUT", url, "upload", headers, b"tar")
    assert client.download_blob().readall() == b"tar"


def test_a_signed_url_never_shows_in_an_error(blob: tuple[BlobClient, str]):
    _, url = blob
    for broken in (url.replace("sig=", "sig=x"), "https://localhost:1/c/b?sig=secret"):
        with pytest.raises(Transient) as told:
            tasks._tail(broken, "log of run r1")
        assert "sig=" not in str(told.value)
        assert told.value.__cause__ is None
