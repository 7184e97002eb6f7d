"""The steps of which driver tests are made."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import uuid4

from dtr.oci.digest import Digest
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.layout import blob_key

HELLO = b"hello, registry"


def key_of(content: bytes) -> str:
    return blob_key(Digest.of(content))


async def uploaded(driver: BlobDriver, *chunks: bytes) -> str:
    """Begin an upload and write the chunks into it; give its id."""
    upload_id = str(uuid4())
    await driver.create_upload(upload_id)
    async with driver.write_upload(upload_id, 0) as writer:
        for chunk in chunks:
            await writer.write(chunk)
    return upload_id


async def content_of(driver: BlobDriver, key: str) -> bytes:
    return b"".join([piece async for piece in driver.read(key)])


async def upload_content(driver: BlobDriver, upload_id: str, start: int = 0) -> bytes:
    return b"".join([piece async for piece in driver.read_upload(upload_id, start)])


async def upload_ids(driver: BlobDriver) -> list[str]:
    return [upload.upload_id async for upload in driver.list_uploads()]


async def keys(driver: BlobDriver, prefix: str = "blobs/") -> list[str]:
    return sorted([stored.key async for stored in driver.list_keys(prefix)])


def ways_to_read(driver: BlobDriver) -> list[Callable[[str], Awaitable[object]]]:
    return [
        driver.size,
        driver.open_file,
        partial(driver.read_small, limit_bytes=1000),
        partial(content_of, driver),
    ]


async def push(driver: BlobDriver, content: bytes) -> None:
    """Push content the way most clients do: begin an upload, write in two steps, commit."""
    upload_id = await uploaded(driver, content[:4], content[4:])
    await driver.commit_upload(upload_id, key_of(content), len(content))


async def listed(driver: BlobDriver) -> tuple[list[str], list[str]]:
    """List everything: keys, and ids of uploads."""
    return await keys(driver), await upload_ids(driver)
