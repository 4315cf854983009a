"""Private files of the local storage: signed links to read one, signed tickets to bring one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import IO, Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.core.signing import BadSignature
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
    UnreadablePostError,
)
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from catalog.storage import (
    LocalStorage,
    Missing,
    StorageError,
    content_type_of,
    read_token,
    storage,
)

#: Longer numbers are no place in any file, and Python refuses to read very long ones.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_CHUNK = 64 * 1024
_POLICY = "sandbox; default-src 'none'"
#: A page that is a video plays it only if it may load its own address. Scripts are dead as well.
_VIDEO_POLICY = "sandbox allow-same-origin; default-src 'none'; media-src 'self'"
#: Multipart framing around a file. Bytes.
_FRAMING = 4096


@require_safe
def file_serve(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show or download the one file that the token names, until the token expires.

    The type is fixed by our own key, scripts in the file are dead, and only the asker's browser may
    keep it.
    """
    told, place = _told("file", token)
    key = told["k"]
    try:
        content_type = told.get("t") or content_type_of(key)
        file = place.open(key)
    except Missing:
        raise Http404 from None
    response = _ranged(request, file, place.size(key) or 0) or FileResponse(file)
    response["Content-Type"] = content_type
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = _VIDEO_POLICY if content_type == "video/mp4" else _POLICY
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = (
        f"private, max-age={max(0, told['e'] - int(time.time()))}, immutable"
    )
    if told.get("f"):
        response["Content-Disposition"] = content_disposition_header(True, told["f"]) or ""
    return response


@csrf_exempt  # The ticket in the address is the permission, as with a presigned form of S3.
@require_POST
def upload_local(request: HttpRequest, token: str) -> HttpResponse:
    """Take the one file of a ticket: multipart, field `file`, at most the bytes it allows.

    Bytes go straight to a draft on the disk that gets its name only when all has arrived. A second
    file for the same ticket is refused.
    """
    try:
        told, place = _told("ticket", token)
    except Http404:
        return _refused(_("This upload has expired. Upload the file again."), 403)
    key, most = told["k"], told["n"]
    told_length = request.headers.get("Content-Length", "")
    announced = int(told_length) if re.fullmatch(r"[0-9]{1,18}", told_length) else 0
    if announced > most + _FRAMING:
        return _too_large()
    if place.size(key) is not None:
        return _refused(_("This file has already arrived."), 409)
    try:
        with place.incoming(key) as draft:
            handler = _DraftHandler(request, draft, most)
            request.upload_handlers = [handler]
            try:
                request.FILES  # noqa: B018 - reading it is what parses the body
            except UnreadablePostError:
                raise _NotOneFile from None
            if handler.written > most:
                raise _TooLarge
            # A connection that broke off looks like a file that ended, only that bytes are missing.
            broken = announced - handler.written > _FRAMING
            if broken or handler.files != 1 or not handler.written or not handler.complete:
                raise _NotOneFile
    except _TooLarge:
        return _too_large()
    except _NotOneFile:
        return _refused(_("The file did not arrive whole. Upload it again."), 400)
    except StorageError as error:
        return _refused(error.sentence, 507)
    return HttpResponse(status=201)


class _TooLarge(Exception):
    pass


class _NotOneFile(Exception):
    pass


class _DraftHandler(FileUploadHandler):
    """Writes the field `file` to an open draft and stops at the limit."""

    def __init__(self, request: HttpRequest, draft: IO[bytes], most: int) -> None:
        super().__init__(request)
        self.draft = draft
        self.most = most
        self.files = 0
        self.written = 0
        self.complete = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.files += 1
        if self.files > 1 or self.field_name != "file":
            self.files = 2
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.written += len(raw_data)
        if self.written > self.most:
            raise StopUpload(connection_reset=True)
        self.draft.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        self.complete = True
        return


def _told(purpose: str, token: str) -> tuple[dict[str, Any], LocalStorage]:
    """What a token says. Raises Http404 for forged and expired ones, and where S3 holds the files."""
    place = storage()
    if not isinstance(place, LocalStorage):
        raise Http404
    try:
        return read_token(purpose, token), place
    except BadSignature:
        raise Http404 from None


def _ranged(request: HttpRequest, file: IO[bytes], size: int) -> HttpResponseBase | None:
    """Answer one byte range; None where the whole file is to be sent."""
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked.groups() == ("", ""):
        return None
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size - 1, int(last)) if first and last else size - 1
    if start > end:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = StreamingHttpResponse(_part(file, start, end - start + 1), status=206)
    response["Content-Range"] = f"bytes {start}-{end}/{size}"
    response["Content-Length"] = str(end - start + 1)
    return response


def _part(file: IO[bytes], start: int, left: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _too_large() -> JsonResponse:
    return _refused(_("More bytes arrived than were announced. Upload the file again."), 413)


def _refused(sentence: str, status: int) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)
