"""Files in an S3-compatible bucket; the only user of boto3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from catalog.storage.base import (
    CHUNK,
    HOUR,
    Missing,
    StorageError,
    Ticket,
    TooLarge,
    checked_key,
    content_type_of,
    probe,
)


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
            checked_key(key),
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
                Bucket=self._bucket, Key=checked_key(key), Body=file, ContentType=content_type
            )

    def fetch(self, key: str, to: Path, *, max_bytes: int | None = None) -> None:
        """See Storage."""
        with self._errors(), to.open("wb") as target:
            answer = self._client.get_object(Bucket=self._bucket, Key=checked_key(key))
            if max_bytes is not None and answer["ContentLength"] > max_bytes:
                answer["Body"].close()
                raise TooLarge(_("The file is too large."))
            for chunk in answer["Body"].iter_chunks(CHUNK):
                target.write(chunk)

    def size(self, key: str) -> int | None:
        """See Storage."""
        try:
            with self._errors():
                answer = self._client.head_object(Bucket=self._bucket, Key=checked_key(key))
        except Missing:
            return None
        return int(answer["ContentLength"])

    def delete(self, key: str) -> None:
        """See Storage."""
        with self._errors():
            self._client.delete_object(Bucket=self._bucket, Key=checked_key(key))

    def url(
        self, key: str, *, filename: str = "", content_type: str = "", seconds: int | None = None
    ) -> str:
        """See Storage."""
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        class HourlyAuth(S3SigV4QueryAuth):  # type: ignore[misc]
            """Signs as of the beginning of the hour: the same link comes out until it ends."""

            def _modify_request_before_signing(self, request: Any) -> None:
                hour = time.gmtime(time.time() // HOUR * HOUR)
                request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", hour)
                super()._modify_request_before_signing(request)

        params = {"response-content-type": content_type or content_type_of(key)}
        if filename:
            params["response-content-disposition"] = content_disposition_header(True, filename)
        lasts = settings.FILE_LINK_SECONDS + HOUR if seconds is None else seconds
        kind = HourlyAuth if seconds is None else S3SigV4QueryAuth
        request = AWSRequest("GET", self._address + checked_key(key), params=params)
        kind(self._session.get_credentials(), "s3", self._region, expires=lasts).add_auth(request)
        return str(request.prepare().url)

    def check(self) -> None:
        """See Storage."""
        probe(self)

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


def _is_amazon(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
