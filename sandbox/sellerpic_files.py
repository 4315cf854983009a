"""SellerPic's files: uploads of both styles, preset materials, download links, and what they send."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sandbox.accounts import SELLERPIC, Account
from sandbox.drawing_room import write_atomically
from sandbox.faults import Fault
from sandbox.presets import PRESETS, Preset, find_preset
from sandbox.sellerpic_answers import (
    BAD_REQUEST,
    Refused,
    bad_gateway,
    check_image,
    forbidden,
    id_number,
    whole_number,
)
from sandbox.store import CallDetail, Item, Link, Upload
from sandbox.wire import BodyTooLarge, Request, Response, multipart_file

if TYPE_CHECKING:
    from sandbox.app import Sandbox

UPLOAD_BYTES = 40 * 1024 * 1024
"""Largest file that can be uploaded."""
PUT_SECONDS = 30 * 60
LINK_SECONDS = 12 * 3600

_CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp4": "video/mp4",
}
_NOBODY = Account(SELLERPIC, "")


class Files:
    """Everything that moves bytes, and the addresses it moves them to."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._secret = self._store.setting("link_secret", secrets.token_hex(32)).encode()

    # Uploads ----------------------------------------------------------------------------------

    def upload(self, request: Request, account: Account, _fault: Fault | None) -> dict[str, Any]:
        """Documentation 1.0.1: the file in a multipart field."""
        body = multipart_file(request.headers["content-type"], request.read_body(), "file")
        if not body:
            raise Refused(BAD_REQUEST, "The multipart field file is missing or empty.")
        if len(body) > UPLOAD_BYTES:
            raise Refused(BAD_REQUEST, "The file is larger than 40 MB.")
        return {"fileKey": self._keep(body, account, None)}

    def upload_url(
        self, request: Request, account: Account, _fault: Fault | None
    ) -> dict[str, Any]:
        """Documentation 1.0.0: a link to PUT the file to."""
        file_format = request.query.get("format", "").lower()
        if file_format not in {"jpg", "jpeg", "png", "webp"}:
            raise Refused(BAD_REQUEST, "format must be jpg, jpeg, png or webp.")
        token, file_key = secrets.token_urlsafe(24), self._new_file_key(file_format, account)
        until = self._sandbox.clock() + PUT_SECONDS
        self._store.reserve_upload(account, file_key, token, until)
        return {"fileKey": file_key, "imageUrl": f"{request.origin}/files/uploads/{token}"}

    def _take_put(self, request: Request) -> tuple[Response, Account]:
        if request.method != "PUT":
            return Response(405, b"Only PUT.", "text/plain"), _NOBODY
        token = request.path.removeprefix("/files/uploads/")
        reserved = self._store.reserved_upload(token, self._sandbox.clock())
        if reserved is None:
            return Response(403, b"Request has expired", "text/plain"), _NOBODY
        account, file_key = reserved
        try:
            body = request.read_body()
            if len(body) > UPLOAD_BYTES:
                raise BodyTooLarge(len(body))
            self._keep(body, account, file_key)
        except BodyTooLarge:
            return Response(413, b"Too large", "text/plain"), account
        except Refused as refusal:
            return Response(400, refusal.message.encode(), "text/plain"), account
        return Response(200, b"", "text/plain"), account

    def _keep(self, body: bytes, account: Account, file_key: str | None) -> str:
        extension, size, animated = check_image(body)
        key = file_key or self._new_file_key(extension, account)
        name = f"{secrets.token_hex(16)}.{extension}"
        write_atomically(self._sandbox.room.upload_path(name), lambda path: _write(path, body))
        digest = hashlib.sha256(body).hexdigest()
        self._store.save_upload(account, Upload(key, name, digest, len(body), *size, animated))
        return key

    def _new_file_key(self, extension: str, account: Account) -> str:
        day = datetime.fromtimestamp(self._sandbox.clock(), UTC).strftime("%Y/%m/%d")
        number = 1920000000000000000 + crc32(account.key.encode())
        return f"UPLOAD/{number}/{day}/{secrets.token_hex(16)}.{extension}"

    # Presets ----------------------------------------------------------------------------------

    def presets(self, request: Request, _account: Account, _fault: Fault | None) -> dict[str, Any]:
        """One page of the preset materials of a type."""
        presets = PRESETS.get(request.query.get("type", ""))
        if presets is None:
            raise Refused(BAD_REQUEST, f"type must be one of {', '.join(PRESETS)}.")
        page = whole_number(request, "pageNum", default=1, most=1_000_000)
        size = whole_number(request, "pageSize", default=10, most=50)
        start = (page - 1) * size
        return {
            "hasMore": start + size < len(presets),
            "list": [self._preset_json(p, request) for p in presets[start : start + size]],
            "total": len(presets),
        }

    def _preset_json(self, preset: Preset, request: Request) -> dict[str, Any]:
        # Rounded, so that pages asked for within the hour carry the same links.
        hour = int(self._sandbox.clock()) // 3600
        dies_at = hour * 3600 + LINK_SECONDS + 3600

        def link(size: str) -> str:
            signature = self._sign(preset.id, size, dies_at)
            query = f"size={size}&expires={dies_at}&signature={signature}"
            return f"{request.origin}/files/presets/{preset.id}.jpg?{query}"

        return {
            "id": preset.id,
            "imageUrl": link("full"),
            "name": preset.name,
            "thumbUrl": link("thumb"),
            "userUpload": False,
        }

    def _sign(self, preset_id: str, size: str, dies_at: int) -> str:
        message = f"{preset_id}|{size}|{dies_at}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:40]

    def _send_preset(self, request: Request) -> tuple[Response, Account]:
        preset_id = request.path.removeprefix("/files/presets/").removesuffix(".jpg")
        size, dies_at = request.query.get("size", ""), request.query.get("expires", "")
        preset = find_preset(preset_id)
        if preset is None or size not in {"full", "thumb"} or not dies_at.isdecimal():
            return forbidden(), _NOBODY
        expected = self._sign(preset_id, size, int(dies_at))
        if not hmac.compare_digest(expected, request.query.get("signature", "")):
            return forbidden(), _NOBODY
        if int(dies_at) <= self._sandbox.clock():
            return forbidden(), _NOBODY
        file = self._sandbox.room.preset_file(preset, size)
        return Response(content_type="image/jpeg", file=file), _NOBODY

    # Downloads --------------------------------------------------------------------------------

    def download(self, request: Request, account: Account, fault: Fault | None) -> dict[str, Any]:
        """A link to one result in the format asked for."""
        item_id = id_number(request.query.get("id", ""))
        item = self._store.item(item_id, account) if item_id is not None else None
        if item is None:
            raise Refused(404, "Record Not Found", 404)
        file_format, uhd = _wanted_format(item, request)
        status = item.status(self._sandbox.clock())
        url = None
        if status == "SUCCESS":
            dead = bool(fault and fault.kind == "dead_link")
            url = self.link(item, file_format, uhd, request, dead=dead)
        return {
            "name": f"{item.id}.{file_format}",
            "status": status,
            "fileUrl": url,
            "errorMsg": item.error_msg if status == "FAILED" else None,
        }

    def link(
        self, item: Item, file_format: str, uhd: bool, request: Request, *, dead: bool = False
    ) -> str:
        """The result's address: the same one until it dies, then a fresh one."""
        now = self._sandbox.clock()
        with self._store.transaction():
            link = self._store.living_link(item.id, file_format, uhd, now)
            if link is None or dead:
                token = secrets.token_urlsafe(24)
                link = Link(token, item.id, file_format, uhd, now + LINK_SECONDS, dead)
                self._store.add_link(link)
        return f"{request.origin}/files/results/{link.token}.{file_format}"

    def _send_result(self, request: Request) -> tuple[Response, Account]:
        token = request.path.removeprefix("/files/results/").rpartition(".")[0]
        link = self._store.link(token)
        item = self._store.item(link.item_id) if link else None
        task = self._store.task(item.task_id) if item else None
        if link is None or item is None or task is None:
            return forbidden(), _NOBODY
        if link.dead or link.dies_at <= self._sandbox.clock():
            return forbidden(), task.account
        file = self._sandbox.room.converted_file(item, link.format, link.uhd)
        return Response(content_type=_CONTENT_TYPES[link.format], file=file), task.account

    # File addresses ---------------------------------------------------------------------------

    def public(self, request: Request) -> tuple[Response, Fault | None] | None:
        """The answer at a file address, and the fault that is to strike it; None elsewhere.

        No key is asked for: the address itself is the permission.
        """
        senders: dict[str, Callable[[Request], tuple[Response, Account]]] = {
            "presets": self._send_preset,
            "results": self._send_result,
            "uploads": self._take_put,
        }
        parts = request.path.split("/", 3)
        send = senders.get(parts[2]) if len(parts) == 4 and parts[1] == "files" else None
        if send is None:
            return None
        fault = self._store.take_fault(SELLERPIC, "file")
        kind, account = fault.kind if fault else "", _NOBODY
        if kind == "unauthorized":
            response = forbidden()
        elif fault and kind == "bad_gateway" and not fault.options.get("accepted"):
            response = bad_gateway()
        else:
            response, account = send(request)
            if kind == "bad_gateway":
                response = bad_gateway()
        outcome = "ok" if response.status == 200 else f"http_{response.status}"
        self._store.record_call(
            account,
            "file",
            "dropped" if kind == "lost_answer" else outcome,
            self._sandbox.clock(),
            # The rest of the address is a permission, which no log needs.
            detail=CallDetail(request.method, f"/files/{parts[2]}/…", status=response.status),
        )
        return response, fault


def _wanted_format(item: Item, request: Request) -> tuple[str, bool]:
    file_format = request.query.get("downloadFormat", "")
    if item.media == "mp4" and file_format in {"gif", "webp"}:
        raise Refused(BAD_REQUEST, f"This sandbox does not convert videos to {file_format}.")
    formats = ("mp4",) if item.media == "mp4" else ("jpg", "png", "webp")
    if file_format not in formats:
        raise Refused(BAD_REQUEST, f"downloadFormat must be one of {', '.join(formats)}.")
    uhd = request.query.get("uhd", "false").lower()
    if uhd not in {"true", "false"}:
        raise Refused(BAD_REQUEST, "uhd must be true or false.")
    return file_format, uhd == "true"


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
