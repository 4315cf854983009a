"""SellerPic's HTTP API, emulated: uploads, presets, Swap Fashion Model, status, download, usage.

Follows the vendor's pages (documentation 1.0.0 and 1.0.1). What they do not say is ASSUMED and
listed in docs/sandbox.md; the codes 99001 to 99003 are this emulator's own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.drawing_room import write_atomically
from sandbox.faults import Fault
from sandbox.presets import PRESETS, Preset, find_preset
from sandbox.sellerpic_answers import (
    BAD_REQUEST,
    BUSY,
    NO_SUCH_FILE,
    OUT_OF_CREDITS,
    Refused,
    bad_gateway,
    check_image,
    envelope,
    forbidden,
    id_number,
    whole_number,
)
from sandbox.store import Item, Link, Task, Upload
from sandbox.wire import BodyTooLarge, DropConnection, Request, Response, multipart_file

if TYPE_CHECKING:
    from sandbox.app import Sandbox

UPLOAD_BYTES = 40 * 1024 * 1024
"""Largest file that can be uploaded."""
TASK_IMAGE_BYTES = 10 * 1024 * 1024
"""Largest photo that Swap Fashion Model takes."""
TASK_IMAGE_SIDE = 4096
"""Longest side, in pixels, that Swap Fashion Model takes."""
PUT_SECONDS = 30 * 60
LINK_SECONDS = 12 * 3600
SWAP_POOL = "general"
"""Swap shares one pool with all other picture tasks (ASSUMED: the pages do not say)."""
POOL_LIMIT = 10
SWAP_OUTPUTS = 2
CREDITS_PER_OUTPUT = 2
"""4 credits for 2 images; the split of 2 each is ASSUMED."""

_CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}

Handler = Callable[[Request, Fault | None], dict[str, Any]]


class SellerPic:
    """One account at the emulated provider. `answer` returns None for paths that are not its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._store = sandbox.store
        self._secret = self._store.setting("link_secret", secrets.token_hex(32)).encode()

    def answer(self, request: Request) -> Response | None:
        if request.path.startswith("/v1/api/"):
            return self._api(request)
        if request.path.startswith("/files/presets/"):
            return self._public(request, self._send_preset)
        if request.path.startswith("/files/results/"):
            return self._public(request, self._send_result)
        if request.path.startswith("/files/uploads/"):
            return self._public(request, self._take_put)
        return None

    # The envelope -----------------------------------------------------------------------------

    def _api(self, request: Request) -> Response:
        operation, handler = self._route(request)
        try:
            self._authorize(request)
            fault = self._store.take_fault(operation) if handler else None
            if fault and fault.kind == "unauthorized":
                raise Refused(401, "Unauthorized", 401)
            if fault and fault.kind == "bad_gateway" and not fault.options.get("accepted"):
                self._record(operation, "http_502", request)
                return bad_gateway()
            if handler is None:
                raise Refused(404, "Record Not Found", 404)
            data = handler(request, fault)
        except Refused as refusal:
            outcome = str(refusal.code) if refusal.status == 200 else f"http_{refusal.status}"
            self._record(operation, outcome, request)
            return envelope(None, refusal.code, refusal.message, refusal.status)
        except BodyTooLarge:
            self._record(operation, str(BAD_REQUEST), request)
            return envelope(None, BAD_REQUEST, "The request is too large.")
        return self._delivered(operation, data, fault, request)

    def _delivered(
        self, operation: str, data: dict[str, Any], fault: Fault | None, request: Request
    ) -> Response:
        kind = fault.kind if fault else ""
        if kind == "lost_answer":
            self._record(operation, "dropped", request)
            raise DropConnection
        if kind == "bad_gateway":
            self._record(operation, "http_502", request)
            return bad_gateway()
        self._record(operation, "ok", request)
        if fault and kind == "slow":
            time.sleep(float(fault.options.get("seconds", 2)))
        if kind == "null_data":
            return envelope(None)
        return envelope(
            data, extra={"request_id": "7c1e", "cost": {}} if kind == "extra_keys" else {}
        )

    def _record(self, operation: str, outcome: str, request: Request) -> None:
        task_id = request.query.get("id", "") if operation == "status" else ""
        self._store.record_call(operation, outcome, self._sandbox.clock(), id_number(task_id))

    def _route(self, request: Request) -> tuple[str, Handler | None]:
        routes: dict[tuple[str, str], tuple[str, Handler]] = {
            ("POST", "upload"): ("upload", self._upload),
            ("GET", "upload/url"): ("upload", self._upload_url),
            ("GET", "presets"): ("presets", self._list_presets),
            ("POST", "generate/swapModel"): ("submit", self._swap_model),
            ("GET", "generate"): ("status", self._task_status),
            ("GET", "download"): ("download", self._download),
            ("GET", "usage"): ("usage", self._usage),
        }
        name = request.path.removeprefix("/v1/api/").rstrip("/")
        return routes.get((request.method, name), ("unknown", None))

    def _authorize(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key == "revoked":
            raise Refused(403, "Forbidden", 403)
        if scheme.lower() != "bearer" or key not in self._sandbox.keys:
            raise Refused(401, "Unauthorized", 401)

    # Uploads ----------------------------------------------------------------------------------

    def _upload(self, request: Request, _fault: Fault | None) -> dict[str, Any]:
        body = multipart_file(request.headers["content-type"], request.read_body(), "file")
        if not body:
            raise Refused(BAD_REQUEST, "The multipart field file is missing or empty.")
        if len(body) > UPLOAD_BYTES:
            raise Refused(BAD_REQUEST, "The file is larger than 40 MB.")
        return {"fileKey": self._keep_upload(body, None)}

    def _upload_url(self, request: Request, _fault: Fault | None) -> dict[str, Any]:
        file_format = request.query.get("format", "").lower()
        if file_format not in {"jpg", "jpeg", "png", "webp"}:
            raise Refused(BAD_REQUEST, "format must be jpg, jpeg, png or webp.")
        token, file_key = secrets.token_urlsafe(24), self._new_file_key(file_format)
        self._store.reserve_upload(file_key, token, self._sandbox.clock() + PUT_SECONDS)
        return {"fileKey": file_key, "imageUrl": f"{request.origin}/files/uploads/{token}"}

    def _take_put(self, request: Request) -> Response:
        if request.method != "PUT":
            return Response(405, b"Only PUT.", "text/plain")
        token = request.path.removeprefix("/files/uploads/")
        file_key = self._store.reserved_upload(token, self._sandbox.clock())
        if file_key is None:
            return Response(403, b"Request has expired", "text/plain")
        try:
            body = request.read_body()
            if len(body) > UPLOAD_BYTES:
                raise BodyTooLarge(len(body))
            self._keep_upload(body, file_key)
        except BodyTooLarge:
            return Response(413, b"Too large", "text/plain")
        except Refused as refusal:
            return Response(400, refusal.message.encode(), "text/plain")
        return Response(200, b"", "text/plain")

    def _keep_upload(self, body: bytes, file_key: str | None) -> str:
        extension, size, animated = check_image(body)
        key = file_key or self._new_file_key(extension)
        name = f"{secrets.token_hex(16)}.{extension}"
        write_atomically(self._sandbox.room.upload_path(name), lambda path: _write(path, body))
        digest = hashlib.sha256(body).hexdigest()
        self._store.save_upload(Upload(key, name, digest, len(body), *size, animated))
        return key

    def _new_file_key(self, extension: str) -> str:
        day = datetime.fromtimestamp(self._sandbox.clock(), UTC).strftime("%Y/%m/%d")
        return f"UPLOAD/1920000000000000001/{day}/{secrets.token_hex(16)}.{extension}"

    # Presets ----------------------------------------------------------------------------------

    def _list_presets(self, request: Request, _fault: Fault | None) -> dict[str, Any]:
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

    def _send_preset(self, request: Request) -> Response:
        preset_id = request.path.removeprefix("/files/presets/").removesuffix(".jpg")
        size, dies_at = request.query.get("size", ""), request.query.get("expires", "")
        preset = find_preset(preset_id)
        if preset is None or size not in {"full", "thumb"} or not dies_at.isdecimal():
            return forbidden()
        expected = self._sign(preset_id, size, int(dies_at))
        if not hmac.compare_digest(expected, request.query.get("signature", "")):
            return forbidden()
        if int(dies_at) <= self._sandbox.clock():
            return forbidden()
        return Response(
            content_type="image/jpeg", file=self._sandbox.room.preset_file(preset, size)
        )

    # Tasks ------------------------------------------------------------------------------------

    def _swap_model(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        try:
            body = request.json_object()
        except ValueError as exc:
            raise Refused(BAD_REQUEST, "The body is not a JSON object.") from exc
        kind = fault.kind if fault else ""
        photo = self._check_swap_body(body)
        signature = json.dumps(
            [photo.sha256, *(body.get(k) for k in ("modelId", "modelMaskKey", "sceneId"))]
        )
        now = self._sandbox.clock()
        with self._store.transaction():
            in_flight = self._store.in_flight(SWAP_POOL, now)
            if kind == "busy" or in_flight >= POOL_LIMIT:
                raise Refused(BUSY, "Too many tasks are being generated.")
            price = SWAP_OUTPUTS * CREDITS_PER_OUTPUT
            promised = self._store.credits_used(now) + self._store.credits_promised(now)
            if kind == "out_of_credits" or self._sandbox.balance - promised < price:
                raise Refused(OUT_OF_CREDITS, "Not enough credits left.")
            task_id = self._store.next_id(now)
            run = self._store.runs_of(signature)
            items = [self._plan_item(task_id, n, now, fault) for n in range(SWAP_OUTPUTS)]
            task = Task(task_id, "swapModel", body, run, now)
            self._store.add_task(task, items, pool=SWAP_POOL, signature=signature)
            highest = int(self._store.setting(f"max_in_flight.{SWAP_POOL}", "0"))
            self._store.set_setting(f"max_in_flight.{SWAP_POOL}", str(max(highest, in_flight + 1)))
        for item in items:
            if item.fate == "success":
                self._sandbox.room.want(item)
        return {"id": str(task_id)}

    def _check_swap_body(self, body: dict[str, Any]) -> Upload:
        for name in ("modelImageKey", "modelId"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise Refused(BAD_REQUEST, f"{name} is required.")
        for name in ("modelMaskKey", "sceneId"):
            if not isinstance(body.get(name, ""), str | None):
                raise Refused(BAD_REQUEST, f"{name} must be a string.")
        photo = self._task_image(body["modelImageKey"])
        if body.get("modelMaskKey"):
            mask = self._task_image(body["modelMaskKey"])
            if (mask.width, mask.height) != (photo.width, photo.height):
                raise Refused(BAD_REQUEST, "The mask must have the size of its image.")
        if find_preset(body["modelId"], "SWAP_MODEL") is None:
            raise Refused(NO_SUCH_FILE, "There is no such preset model.")
        if body.get("sceneId") and find_preset(body["sceneId"], "SWAP_MODEL_SCENE") is None:
            raise Refused(NO_SUCH_FILE, "There is no such preset scene.")
        return photo

    def _task_image(self, file_key: str) -> Upload:
        upload = self._store.upload(file_key)
        if upload is None:
            raise Refused(NO_SUCH_FILE, "There is no such file.")
        if (upload.bytes or 0) > TASK_IMAGE_BYTES:
            raise Refused(BAD_REQUEST, "The image is larger than 10 MB.")
        if max(upload.width or 0, upload.height or 0) > TASK_IMAGE_SIDE:
            raise Refused(BAD_REQUEST, "The image is longer than 4096 pixels on a side.")
        if upload.animated:
            raise Refused(BAD_REQUEST, "The image is animated.")
        return upload

    def _plan_item(self, task_id: int, position: int, now: float, fault: Fault | None) -> Item:
        chance = random.Random(f"{self._sandbox.seed}|{task_id}|{position}")  # noqa: S311
        least, most = self._sandbox.durations
        kind, fate = fault.kind if fault else "", "success"
        if kind == "stuck":
            fate = "stuck"
        elif kind == "all_fail" or (
            fault and kind == "one_fails" and position == fault.options.get("item", 1)
        ):
            fate = "failed"
        failed = fate == "failed"
        return Item(
            id=task_id + 1 + position,
            task_id=task_id,
            position=position,
            starts_at=now + chance.uniform(0.05, 0.15) * least,
            ends_at=now + chance.uniform(least, most),
            fate=fate,
            credits=CREDITS_PER_OUTPUT,
            error_code=50001 if failed else 0,
            error_msg="The image could not be generated." if failed else None,
            garbage=kind == "garbage_image",
            drawn=False,
        )

    def _task_status(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        task_id = id_number(request.query.get("id", ""))
        items = self._store.items(task_id) if task_id is not None else []
        if not items or (fault and fault.kind == "status_404"):
            raise Refused(404, "Record Not Found", 404)
        results = [self._item_json(item, request) for item in items]
        if fault and fault.kind == "unknown_state":
            for result in results:
                result.update(status="POST_PROCESSING", fileUrl=None)
        return {"resultList": results}

    def _item_json(self, item: Item, request: Request) -> dict[str, Any]:
        status = item.status(self._sandbox.clock())
        failed = status == "FAILED"
        url = None
        if status == "SUCCESS":
            url = self._link(item, "png", False, request, dead=False)
        return {
            "id": str(item.id),
            "fileUrl": url,
            "status": status,
            "errorCode": item.error_code if failed else 0,
            "errorMsg": item.error_msg if failed else None,
        }

    # Downloads --------------------------------------------------------------------------------

    def _download(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        item_id = id_number(request.query.get("id", ""))
        item = self._store.item(item_id) if item_id is not None else None
        if item is None:
            raise Refused(404, "Record Not Found", 404)
        file_format = request.query.get("downloadFormat", "")
        if file_format not in _CONTENT_TYPES:
            raise Refused(BAD_REQUEST, "downloadFormat must be jpg, png or webp.")
        uhd = request.query.get("uhd", "false").lower()
        if uhd not in {"true", "false"}:
            raise Refused(BAD_REQUEST, "uhd must be true or false.")
        status = item.status(self._sandbox.clock())
        url = None
        if status == "SUCCESS":
            dead = bool(fault and fault.kind == "dead_link")
            url = self._link(item, file_format, uhd == "true", request, dead=dead)
        return {
            "name": f"{item.id}.{file_format}",
            "status": status,
            "fileUrl": url,
            "errorMsg": item.error_msg if status == "FAILED" else None,
        }

    def _link(
        self, item: Item, file_format: str, uhd: bool, request: Request, *, dead: bool
    ) -> str:
        now = self._sandbox.clock()
        with self._store.transaction():
            link = self._store.living_link(item.id, file_format, uhd, now)
            if link is None or dead:
                token = secrets.token_urlsafe(24)
                link = Link(token, item.id, file_format, uhd, now + LINK_SECONDS, dead)
                self._store.add_link(link)
        return f"{request.origin}/files/results/{link.token}.{file_format}"

    def _send_result(self, request: Request) -> Response:
        token = request.path.removeprefix("/files/results/").rpartition(".")[0]
        link = self._store.link(token)
        item = self._store.item(link.item_id) if link else None
        if link is None or item is None or link.dead or link.dies_at <= self._sandbox.clock():
            return forbidden()
        return Response(
            content_type=_CONTENT_TYPES[link.format],
            file=self._sandbox.room.converted_file(item, link.format, link.uhd),
        )

    def _public(self, request: Request, send: Callable[[Request], Response]) -> Response:
        """Answer a file address: no key is asked for, the address itself is the permission."""
        fault = self._store.take_fault("file")
        kind = fault.kind if fault else ""
        if fault and kind == "slow":
            time.sleep(float(fault.options.get("seconds", 2)))
        if kind == "unauthorized":
            response = forbidden()
        elif kind == "bad_gateway":
            response = bad_gateway()
        else:
            response = send(request)
        if kind == "lost_answer":
            raise DropConnection
        outcome = "ok" if response.status == 200 else f"http_{response.status}"
        self._store.record_call("file", outcome, self._sandbox.clock(), None)
        return response

    # Credits ----------------------------------------------------------------------------------

    def _usage(self, _request: Request, _fault: Fault | None) -> dict[str, Any]:
        total = self._sandbox.balance
        used = self._store.credits_used(self._sandbox.clock())
        return {"remaining": total - used, "total": total, "usage": used}


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
