"""Files in a folder of this machine, and the signed tokens behind which our own views serve them."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.storage.base import (
    CHUNK,
    HOUR,
    Missing,
    StorageError,
    Ticket,
    TooLarge,
    checked_key,
    probe,
)


@dataclass(frozen=True)
class LocalStorage:
    """Files in a folder, served by our own views behind signed tokens."""

    folder: Path

    def ticket(self, key: str, *, max_bytes: int, content_type: str, seconds: int = 900) -> Ticket:
        """See Storage."""
        told = {"k": checked_key(key), "n": max_bytes, "e": int(time.time()) + seconds}
        return Ticket(reverse("catalog:upload_local", args=[_sign("ticket", told)]), {})

    def save(self, key: str, path: Path, *, content_type: str) -> None:
        """See Storage."""
        with path.open("rb") as source, self.incoming(key) as to:
            shutil.copyfileobj(source, to, CHUNK)

    def fetch(self, key: str, to: Path, *, max_bytes: int | None = None) -> None:
        """See Storage."""
        with self.open(key) as source, to.open("wb") as target:
            if max_bytes is not None and os.fstat(source.fileno()).st_size > max_bytes:
                raise TooLarge(_("The file is too large."))
            shutil.copyfileobj(source, target, CHUNK)

    def size(self, key: str) -> int | None:
        """See Storage."""
        try:
            return self._path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, key: str) -> None:
        """See Storage."""
        self._path(key).unlink(missing_ok=True)

    def url(
        self, key: str, *, filename: str = "", content_type: str = "", seconds: int | None = None
    ) -> str:
        """See Storage."""
        until = time.time() + (settings.FILE_LINK_SECONDS if seconds is None else seconds)
        told = {"k": checked_key(key), "e": _next_hour(until) if seconds is None else int(until)}
        if filename:
            told["f"] = filename
        if content_type:
            told["t"] = content_type
        return reverse("catalog:file_serve", args=[_sign("file", told)])

    def check(self) -> None:
        """See Storage."""
        probe(self)

    def tidy(self) -> None:
        """See Storage."""
        yesterday = time.time() - 24 * HOUR
        for path in self._unfinished().glob("*"):
            if path.stat().st_mtime < yesterday:
                path.unlink(missing_ok=True)

    def open(self, key: str) -> IO[bytes]:
        """Open a stored file for reading. Raises Missing."""
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise Missing(_("The file is gone.")) from None

    @contextmanager
    def incoming(self, key: str) -> Iterator[IO[bytes]]:
        """Write a file that appears under its key only when the block ends well."""
        path = self._path(key)
        try:
            # Nobody else on the machine looks in; what is below needs no mode of its own.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._unfinished().mkdir(exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._unfinished() / uuid.uuid4().hex
            try:
                with draft.open("xb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                _("The folder of pictures cannot be written: %(reason)s.")
                % {"reason": error.strerror or error}
            ) from error

    def _unfinished(self) -> Path:
        return self.folder / ".unfinished"

    def _path(self, key: str) -> Path:
        return self.folder / checked_key(key)


def read_token(purpose: str, token: str) -> dict[str, Any]:
    """What a token of ours says. Raises django.core.signing.BadSignature, also when it expired."""
    try:
        told: dict[str, Any] = signing.Signer(salt=f"catalog.storage.{purpose}").unsign_object(
            token
        )
    except ValueError as error:  # Not even base64.
        raise signing.BadSignature(str(error)) from None
    if told["e"] < time.time():
        raise signing.SignatureExpired("expired")
    return told


def _sign(purpose: str, told: dict[str, Any]) -> str:
    # Signed without a timestamp of its own: the same link comes out all hour.
    return signing.Signer(salt=f"catalog.storage.{purpose}").sign_object(told)


def _next_hour(moment: float) -> int:
    return (int(moment) // HOUR + 1) * HOUR
