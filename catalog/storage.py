"""Where private pictures and videos lie: a local folder, or an S3-compatible bucket; the only user of boto3.

Both hand out the same two things: a ticket, by which a browser brings one file, and a link, by
which it sees one. Keys are made by us alone, one name each; see `docs/pictures.md`.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from catalog.addresses import is_public

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

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_HOUR = 3600
_CHUNK = 256 * 1024


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


def content_type_of(key: str) -> str:
    """The type of a stored file, from the extension that we gave it. Raises Missing."""
    try:
        return CONTENT_TYPES[key.rpartition(".")[2]]
    except KeyError:
        raise Missing(_("There is no such picture.")) from None


def _checked(key: str) -> str:
    """Keys are ours, so a bad one is a mistake in the program. Raises ValueError."""
    if len(key) > 200 or ".." in key or not _KEY.fullmatch(key):
        raise ValueError(f"not a storage key: {key!r}")
    return key


@dataclass(frozen=True)
class LocalStorage:
    """Files in a folder, served by our own views behind signed tokens."""

    folder: Path

    def ticket(self, key: str, *, max_bytes: int, content_type: str, seconds: int = 900) -> Ticket:
        """See Storage."""
        told = {"k": _checked(key), "n": max_bytes, "e": int(time.time()) + seconds}
        return Ticket(reverse("catalog:upload_local", args=[_sign("ticket", told)]), {})

    def save(self, key: str, path: Path, *, content_type: str) -> None:
        """See Storage."""
        with path.open("rb") as source, self.incoming(key) as to:
            shutil.copyfileobj(source, to, _CHUNK)

    def fetch(self, key: str, to: Path, *, max_bytes: int | None = None) -> None:
        """See Storage."""
        with self.open(key) as source, to.open("wb") as target:
            if max_bytes is not None and os.fstat(source.fileno()).st_size > max_bytes:
                raise TooLarge(_("The file is too large."))
            shutil.copyfileobj(source, target, _CHUNK)

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
        told = {"k": _checked(key), "e": _next_hour(until) if seconds is None else int(until)}
        if filename:
            told["f"] = filename
        if content_type:
            told["t"] = content_type
        return reverse("catalog:file_serve", args=[_sign("file", told)])

    def check(self) -> None:
        """See Storage."""
        _probe(self)

    def tidy(self) -> None:
        """See Storage."""
        yesterday = time.time() - 24 * _HOUR
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
        return self.folder / _checked(key)


def _next_hour(moment: float) -> int:
    return (int(moment) // _HOUR + 1) * _HOUR


def _sign(purpose: str, told: dict[str, Any]) -> str:
    # Signed without a timestamp of its own: the same link comes out all hour.
    return signing.Signer(salt=f"catalog.storage.{purpose}").sign_object(told)


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


def _probe(place: Storage) -> None:
    key = f"probe/{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as folder:
        source, back = Path(folder) / "source", Path(folder) / "back"
        source.write_bytes(key.encode())
        place.save(key, source, content_type=INCOMING_TYPE)
        place.fetch(key, back)
        place.delete(key)
        if back.read_bytes() != key.encode() or place.size(key) is not None:
            raise StorageError(_("The storage does not give back what was stored."))


@cache
def _s3(*where: str) -> Storage:
    return S3Storage(*where)


def _is_amazon(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


class S3Storage:
    """A bucket. Browsers bring and see files there directly, by presigned forms and links.

    Both endpoints are full addresses: the content security policy names the same ones.
    """

    def __init__(
        self,
        bucket: str,
        endpoint: str,
        public_endpoint: str,
        region: str,
        access_key: str,
        secret_key: str,
        addressing: str,
    ) -> None:
        # Imported here: it takes a quarter of a second that installations without S3 never pay.
        import boto3
        from botocore.config import Config

        # With an address given, boto's "auto" would put the bucket into the path, which Amazon
        # wants to end.
        if addressing == "auto" and _is_amazon(public_endpoint):
            addressing = "virtual"
        session = boto3.Session(access_key or None, secret_key or None, region_name=region)
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": addressing},
            # The checksums that boto3 adds by default are refused by several other stores.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 4},
        )
        self._bucket = bucket
        self._region = region
        self._session = session
        self._client = session.client("s3", endpoint_url=endpoint, config=config)
        self._public = session.client("s3", endpoint_url=public_endpoint, config=config)
        example = self._public.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": "key"}
        )
        self._address = example.partition("?")[0].removesuffix("key")

    def ticket(self, key: str, *, max_bytes: int, content_type: str, seconds: int = 900) -> Ticket:
        """See Storage. The policy fixes key, type and size; the store refuses all else."""
        fixed = {"Content-Type": content_type, "success_action_status": "201"}
        post = self._public.generate_presigned_post(
            self._bucket,
            _checked(key),
            Fields=fixed,
            Conditions=[
                {"Content-Type": content_type},
                {"success_action_status": "201"},
                ["content-length-range", 1, max_bytes],
            ],
            ExpiresIn=seconds,
        )
        return Ticket(post["url"], post["fields"])

    def save(self, key: str, path: Path, *, content_type: str) -> None:
        """See Storage."""
        with path.open("rb") as file, self._errors():
            self._client.put_object(
                Bucket=self._bucket, Key=_checked(key), Body=file, ContentType=content_type
            )

    def fetch(self, key: str, to: Path, *, max_bytes: int | None = None) -> None:
        """See Storage."""
        with self._errors(), to.open("wb") as target:
            answer = self._client.get_object(Bucket=self._bucket, Key=_checked(key))
            if max_bytes is not None and answer["ContentLength"] > max_bytes:
                answer["Body"].close()
                raise TooLarge(_("The file is too large."))
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                target.write(chunk)

    def size(self, key: str) -> int | None:
        """See Storage."""
        try:
            with self._errors():
                answer = self._client.head_object(Bucket=self._bucket, Key=_checked(key))
        except Missing:
            return None
        return int(answer["ContentLength"])

    def delete(self, key: str) -> None:
        """See Storage."""
        with self._errors():
            self._client.delete_object(Bucket=self._bucket, Key=_checked(key))

    def url(
        self, key: str, *, filename: str = "", content_type: str = "", seconds: int | None = None
    ) -> str:
        """See Storage."""
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        class HourlyAuth(S3SigV4QueryAuth):  # type: ignore[misc]
            """Signs as of the beginning of the hour: the same link comes out until it ends."""

            def _modify_request_before_signing(self, request: Any) -> None:
                hour = time.gmtime(time.time() // _HOUR * _HOUR)
                request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", hour)
                super()._modify_request_before_signing(request)

        params = {"response-content-type": content_type or content_type_of(key)}
        if filename:
            params["response-content-disposition"] = content_disposition_header(True, filename)
        lasts = settings.FILE_LINK_SECONDS + _HOUR if seconds is None else seconds
        kind = HourlyAuth if seconds is None else S3SigV4QueryAuth
        request = AWSRequest("GET", self._address + _checked(key), params=params)
        kind(self._session.get_credentials(), "s3", self._region, expires=lasts).add_auth(request)
        return str(request.prepare().url)

    def check(self) -> None:
        """See Storage."""
        _probe(self)

    def tidy(self) -> None:
        """Nothing to do: a bucket shows no half-written object."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in {"404", "NoSuchKey"}:
                raise Missing(_("The file is gone.")) from error
            raise StorageError(
                _("The S3 server answered %(code)s. Check S3_BUCKET and the keys.") % {"code": code}
            ) from error
        except BotoCoreError as error:
            raise StorageError(
                _("The S3 server cannot be reached. Check S3_ENDPOINT_URL.")
            ) from error
