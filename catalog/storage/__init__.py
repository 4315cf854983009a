"""Where private pictures and videos lie: a local folder, or an S3-compatible bucket.

Both hand out the same two things: a ticket, by which a browser brings one file, and a link, by
which it sees one. Keys are made by us alone, one name each; see `docs/pictures.md`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from catalog.addresses import is_public
from catalog.storage.base import (
    CONTENT_TYPES,
    EXTENSIONS,
    INCOMING_TYPE,
    STILL_FORMATS,
    Missing,
    Storage,
    StorageError,
    Ticket,
    TooLarge,
    content_type_of,
)
from catalog.storage.bucket import S3Storage
from catalog.storage.local import LocalStorage, read_token

__all__ = [
    "CONTENT_TYPES",
    "EXTENSIONS",
    "INCOMING_TYPE",
    "STILL_FORMATS",
    "LocalStorage",
    "Missing",
    "S3Storage",
    "Storage",
    "StorageError",
    "Ticket",
    "TooLarge",
    "content_type_of",
    "has_public_links",
    "read_token",
    "storage",
]


def storage() -> Storage:
    """The storage that the settings name."""
    if settings.S3_BUCKET:
        return _s3(
            settings.S3_BUCKET,
            settings.S3_ENDPOINT_URL,
            settings.S3_PUBLIC_ENDPOINT_URL,
            settings.S3_REGION,
            settings.S3_ACCESS_KEY_ID,
            settings.S3_SECRET_ACCESS_KEY,
            settings.S3_ADDRESSING_STYLE,
        )
    return LocalStorage(Path(settings.FILES_DIR))


def has_public_links() -> bool:
    """Whether providers can fetch what a link of the storage names.

    They can where it is a bucket at a public https address (`S3_PUBLIC_ENDPOINT_URL`); may ask the
    resolver. Files of the local folder are never given out this way.
    """
    return is_public(storage().url("probe.png", seconds=60)) if settings.S3_BUCKET else False


@cache
def _s3(*where: str) -> Storage:
    return S3Storage(*where)
