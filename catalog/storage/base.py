"""What every storage is and says: keys and types of files, tickets, errors, and the probe."""

from __future__ import annotations

import re
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.utils.translation import gettext as _

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp4": "video/mp4",
}
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "mp4": "mp4"}
#: What a still picture may be stored as: uploads and copies are nothing else.
STILL_FORMATS = ("jpeg", "png", "webp")
#: Uploads arrive under no type at all, so that nothing unchecked can be shown to anybody.
INCOMING_TYPE = "application/octet-stream"
#: Seconds for which the same link comes back.
HOUR = 3600
#: Bytes copied at once.
CHUNK = 256 * 1024

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


class StorageError(Exception):
    """The storage could not do it; `sentence` tells an operator why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Missing(StorageError):
    """There is no file of this key."""


class TooLarge(StorageError):
    """The file is larger than the caller takes."""


@dataclass(frozen=True)
class Ticket:
    """What a browser needs to bring one file: a multipart form of `fields`, then `file`."""

    url: str
    fields: dict[str, str]
    method: str = "POST"


class Storage(Protocol):
    """A place of files. Sizes are bytes, times seconds."""

    def ticket(self, key: str, *, max_bytes: int, content_type: str, seconds: int = 900) -> Ticket:
        """Let whoever holds the ticket bring one file of 1 to `max_bytes` bytes to this key."""
        ...

    def save(self, key: str, path: Path, *, content_type: str) -> None:
        """Store a copy of the file, whole or not at all. The same key may be saved again."""
        ...

    def fetch(self, key: str, to: Path, *, max_bytes: int | None = None) -> None:
        """Copy a stored file to a path. Raises Missing, TooLarge."""
        ...

    def size(self, key: str) -> int | None:
        """Bytes of a stored file; None where there is none."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file; it is no error if there is none."""
        ...

    def url(
        self, key: str, *, filename: str = "", content_type: str = "", seconds: int | None = None
    ) -> str:
        """A signed link that expires. With `filename` it downloads, else it shows.

        The same link comes back for about an hour, so that browsers cache what it shows.
        """
        ...

    def check(self) -> None:
        """Write, read and remove a probe. Raises StorageError."""
        ...

    def tidy(self) -> None:
        """Drop what killed processes left half written."""
        ...


def content_type_of(key: str) -> str:
    """The type of a stored file, from the extension that we gave it. Raises Missing."""
    try:
        return CONTENT_TYPES[key.rpartition(".")[2]]
    except KeyError:
        raise Missing(_("There is no such picture.")) from None


def checked_key(key: str) -> str:
    """The key itself: keys are ours, so a bad one is a mistake in the program. Raises ValueError."""
    if len(key) > 200 or ".." in key or not _KEY.fullmatch(key):
        raise ValueError(f"not a storage key: {key!r}")
    return key


def probe(place: Storage) -> None:
    """Write, read and remove a file of a line. Raises StorageError."""
    key = f"probe/{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as folder:
        source, back = Path(folder) / "source", Path(folder) / "back"
        source.write_bytes(key.encode())
        place.save(key, source, content_type=INCOMING_TYPE)
        place.fetch(key, back)
        place.delete(key)
        if back.read_bytes() != key.encode() or place.size(key) is not None:
            raise StorageError(_("The storage does not give back what was stored."))
