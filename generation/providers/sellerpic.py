"""SellerPic's HTTP API: one method per endpoint, and one place that decides what a failure means.

Facts are those of the vendor's pages (documentation 1.0.0 and 1.0.1); what they do not say is
marked ASSUMED. Ids are int64 carried as strings and stay strings.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from generation.providers.base import (
    Balance,
    ItemState,
    PresetItem,
    PresetPage,
    RemoteItem,
    Submitted,
    TaskStatus,
)
from generation.providers.download import Downloader
from generation.providers.errors import (
    AccountClosed,
    Busy,
    FileGone,
    LinkDead,
    NotFound,
    NotTaken,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Unreachable,
)
from generation.providers.http import Answer, AnswerLost, ApiClient, NotSent, TimeLimits

logger = logging.getLogger(__name__)

BUSY = 30003
"""The only documented error code: all concurrency slots are in use, nothing was charged."""
MAX_OUTPUT_BYTES = 64 * 1024 * 1024
"""Results are at most 4096 pixels a side; a PNG of that size stays below."""
PRESET_PAGE = 50
"""The largest page that the preset list gives."""

# ASSUMED: there is no code table, so the words of `msg` tell that the account's credits are used up
# and that a file key has expired.
# Refusals of a picture speak of an "insufficient resolution" or the "white balance" as well, and must
# not close the account.
_NO_CREDITS = re.compile(
    r"\b(insufficient|not enough|no|(run )?out of)\b.{0,20}\bcredits?\b"
    r"|\bcredits?\b.{0,20}\b(insufficient|not enough|exhausted|used up)\b"
    r"|\b(insufficient|not enough) (account )?balance\b"
    r"|\baccount balance\b.{0,20}\b(insufficient|not enough|too low)\b",
    re.IGNORECASE,
)
_FILE_GONE = re.compile(
    r"no such file|file (was )?not (be )?found|file .*(expired|not exist)", re.I
)
_ITEM_STATES = {
    "CREATED": ItemState.RUNNING,
    "RUNNING": ItemState.RUNNING,
    "SUCCESS": ItemState.SUCCEEDED,
    "FAILED": ItemState.FAILED,
}
# Ids are opaque; whatever else comes in their place is none. Python reads longer numbers than any
# database holds.
_ID = re.compile(r"[\x21-\x7e]{1,80}")
_CODE = re.compile(r"-?[0-9]{1,18}")
_LONGEST_PAUSE = 3600.0
_MOST_CREDITS = 2**53


class SellerPic:
    """One account. `base_url` is an origin; pictures are fetched from `file_hosts` only."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        file_hosts: Sequence[str],
        is_sandbox: bool = False,
        submit_limits: TimeLimits | None = None,
    ) -> None:
        self._api = ApiClient(
            base_url,
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            writes=submit_limits or TimeLimits(read=60.0),
        )
        self._downloads = Downloader(
            hosts=file_hosts, sandbox_origin=base_url if is_sandbox else ""
        )

    # The provider protocol ----------------------------------------------------------------------

    async def upload(self, path: Path, *, content_type: str) -> str:
        """Send a picture file (jpg, png or webp, at most 40 MB) and return its file key."""
        return await self.upload_file(path, content_type=content_type)

    async def submit(
        self,
        operation: str,
        *,
        files: Mapping[str, str],
        presets: Mapping[str, str],
        options: Mapping[str, Any],
    ) -> Submitted:
        """See `base.Provider.submit`."""
        if operation != "swap_model":
            raise Refused(f"SellerPic offers no operation called {operation}.")
        return await self.swap_model(
            model_image_key=files["model_image"],
            model_id=presets["model"],
            scene_id=presets.get("scene", ""),
            model_mask_key=files.get("model_mask", ""),
        )

    async def status(self, remote_id: str) -> TaskStatus:
        """How the task's items stand. There is no state of the task as a whole."""
        data, trace_id = await self._get("/v1/api/generate", {"id": remote_id})
        results = data.get("resultList")
        if not isinstance(results, list):
            results = []
        items = tuple(_item(entry) for entry in results if isinstance(entry, dict))
        return TaskStatus(items, trace_id)

    async def fetch_output(self, item: RemoteItem, to: Path) -> None:
        """See `base.Provider.fetch_output`. Links live 12 hours, then answer 403 [vendor page]."""
        url = await self.download_link(item.remote_id)
        try:
            await self._downloads.fetch(url, to, max_bytes=MAX_OUTPUT_BYTES)
        except LinkDead:
            url = await self.download_link(item.remote_id)
            await self._downloads.fetch(url, to, max_bytes=MAX_OUTPUT_BYTES)

    async def presets(self, kind: str) -> AsyncIterator[PresetPage]:
        """Page through `SWAP_MODEL`, `SWAP_MODEL_SCENE`, `AI_BACKGROUND` or `BACKGROUND`."""
        number = 1
        while True:
            page = await self.preset_page(kind, number)
            yield page
            if not page.has_more or not page.items:
                return
            number += 1

    async def fetch_picture(self, url: str, to: Path, *, max_bytes: int) -> None:
        """Download a preset's picture from a listed host."""
        await self._downloads.fetch(url, to, max_bytes=max_bytes)

    async def balance(self) -> Balance:
        """Credits of the account at SellerPic."""
        data, trace_id = await self._get("/v1/api/usage")
        try:
            remaining, total = int(data["remaining"]), int(data["total"])
            if max(abs(remaining), abs(total)) > _MOST_CREDITS:
                raise ValueError("No account has that many credits.")
            return Balance(remaining=remaining, total=total)
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise Unreachable("SellerPic sent no balance.", trace_id=trace_id) from exc

    async def aclose(self) -> None:
        """Close connections."""
        await self._api.aclose()
        await self._downloads.aclose()

    # Endpoints ----------------------------------------------------------------------------------

    async def upload_file(self, path: Path, *, content_type: str) -> str:
        """POST /v1/api/upload: one multipart field `file` (1.0.1)."""
        answer = await self._send(
            self._api.post_file("/v1/api/upload", "file", path, content_type), paid=False
        )
        data, trace_id = self._open(answer, paid=False)
        return _text(data, "fileKey", trace_id)

    async def swap_model(
        self,
        *,
        model_image_key: str,
        model_id: str,
        scene_id: str = "",
        model_mask_key: str = "",
    ) -> Submitted:
        """POST /v1/api/generate/swapModel: 4 credits for 2 images [vendor page, 2025-08-15].

        Made once: there is no idempotency key, so a second call can be billed as a second task.
        """
        body = {
            "modelImageKey": model_image_key,
            "modelId": model_id,
            # ASSUMED optional: the page's example sends the two above only.
            **({"sceneId": scene_id} if scene_id else {}),
            **({"modelMaskKey": model_mask_key} if model_mask_key else {}),
        }
        answer = await self._send(
            self._api.post_json("/v1/api/generate/swapModel", body), paid=True
        )
        data, trace_id = self._open(answer, paid=True)
        remote_id = _id(data.get("id"))
        if not remote_id:
            raise OutcomeUnknown("SellerPic named no task.", trace_id=trace_id)
        return Submitted(remote_id, trace_id)

    async def preset_page(self, kind: str, number: int) -> PresetPage:
        """GET /v1/api/presets: page `number` from 1. Every field is documented as optional."""
        data, _trace = await self._get(
            "/v1/api/presets",
            {"type": kind, "pageNum": str(number), "pageSize": str(PRESET_PAGE)},
        )
        entries = data.get("list")
        items = tuple(
            PresetItem(
                remote_id=_id(entry["id"]),
                name=_plain(entry.get("name"), 100),
                image_url=_plain(entry.get("imageUrl"), 1000),
                thumb_url=_plain(entry.get("thumbUrl"), 1000),
            )
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and _id(entry.get("id"))
        )
        total = data.get("total")
        total = total if isinstance(total, int) else 0
        more = data.get("hasMore")
        return PresetPage(
            items=items,
            has_more=more if isinstance(more, bool) else number * PRESET_PAGE < total,
            total=total,
        )

    async def download_link(self, image_id: str) -> str:
        """GET /v1/api/download: the address of one image, by image id (not the task's).

        Identical requests return the same link until it dies [vendor page]. The picture is paid for,
        so only the state FAILED gives it up; with an error code, there being no table of them, or
        any other answer it is asked for again later.
        """
        try:
            data, trace_id = await self._get(
                "/v1/api/download", {"id": image_id, "downloadFormat": "png", "uhd": "false"}
            )
        except Refused as exc:
            raise NotTaken(exc.message, code=exc.code, trace_id=exc.trace_id) from exc
        url = data.get("fileUrl")
        if data.get("status") == "FAILED":
            raise Refused(
                _plain(data.get("errorMsg"), 300) or "SellerPic has no file of this result.",
                code="file_failed",
                trace_id=trace_id,
            )
        if data.get("status") != "SUCCESS" or not isinstance(url, str) or not url.isprintable():
            # ASSUMED: the status hints that a conversion may not be ready at once.
            raise NotTaken(
                "SellerPic is still writing the file.", trace_id=trace_id, retry_after=60
            )
        return url

    # Failures -----------------------------------------------------------------------------------

    async def _get(
        self, path: str, params: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], str]:
        return self._open(await self._send(self._api.get(path, params), paid=False), paid=False)

    async def _send(self, call: Any, *, paid: bool) -> Answer:
        try:
            answer: Answer = await call
        except NotSent as exc:
            raise Unreachable(f"SellerPic cannot be reached ({exc}).") from exc
        except AnswerLost as exc:
            raise _after_sending(paid, f"SellerPic's answer was lost ({exc}).") from exc
        return answer

    def _open(self, answer: Answer, *, paid: bool) -> tuple[dict[str, Any], str]:
        """The `data` of a good envelope and its trace id; raises what anything else means.

        ASSUMED: business errors may come with any HTTP status, so the code is looked at first.
        """
        envelope = _envelope(answer)
        trace_id = _plain((envelope or {}).get("traceId"), 100)
        code = _code(envelope)
        message = _plain((envelope or {}).get("msg"), 200)
        if code is not None and code != 0:
            raise _refusal(answer, code, message, trace_id, paid)
        if answer.status >= 300 or envelope is None or code is None:
            raise _bare_failure(answer, trace_id, paid)
        data = envelope.get("data")
        if envelope.get("success") is not True or not isinstance(data, dict):
            raise _after_sending(paid, "SellerPic's answer carries no data.", trace_id)
        return data, trace_id


def _refusal(answer: Answer, code: int, message: str, trace_id: str, paid: bool) -> ProviderError:
    """What an envelope with an error code means."""
    kind: type[ProviderError]
    shown = message or f"SellerPic answered with code {code}."
    if code == BUSY:
        kind, shown = Busy, "Every place at SellerPic is taken."
    elif answer.status in (401, 403):
        kind, shown = AccountClosed, "SellerPic refuses the key."
    elif _NO_CREDITS.search(message):
        kind, shown = AccountClosed, "The account at SellerPic has no credits left."
    elif paid and _FILE_GONE.search(message):
        kind = FileGone
    elif answer.status == 404:
        kind = NotFound
    elif answer.status == 429:
        return NotTaken(shown, code=str(code), trace_id=trace_id, retry_after=_pause(answer))
    elif answer.status >= 500:
        return _after_sending(paid, shown, trace_id, str(code))
    else:
        kind = Refused
    return kind(shown, code=str(code), trace_id=trace_id)


def _bare_failure(answer: Answer, trace_id: str, paid: bool) -> ProviderError:
    """What an answer without a readable error code means, by its HTTP status."""
    code = f"http_{answer.status}"
    if answer.status in (401, 403):
        return AccountClosed("SellerPic refuses the key.", code=code, trace_id=trace_id)
    if answer.status == 404:
        return NotFound("SellerPic does not know this id.", code=code, trace_id=trace_id)
    if answer.status == 429:
        return NotTaken(
            "SellerPic asks for a pause.",
            code=code,
            trace_id=trace_id,
            retry_after=_pause(answer),
        )
    if 300 <= answer.status < 400:
        return AccountClosed(
            "SellerPic's address answers with a redirect; check SELLERPIC_BASE_URL.", code=code
        )
    if answer.status == 408:  # Of a gateway, which does not tell how far the request came.
        return _after_sending(paid, "SellerPic answered 408.", trace_id, code)
    if 400 <= answer.status < 500:
        return Refused(f"SellerPic refused the request ({answer.status}).", code=code)
    return _after_sending(paid, f"SellerPic answered {answer.status}.", trace_id, code)


def _after_sending(paid: bool, message: str, trace_id: str = "", code: str = "") -> ProviderError:
    """A request that was sent and has no clear answer: only what is free may be repeated."""
    kind = OutcomeUnknown if paid else Unreachable
    return kind(message, code=code, trace_id=trace_id)


def _envelope(answer: Answer) -> dict[str, Any] | None:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _code(envelope: dict[str, Any] | None) -> int | None:
    code = (envelope or {}).get("code")
    if isinstance(code, bool) or not isinstance(code, str | int):
        return None
    text = code if isinstance(code, str) else _digits(code)
    return int(text) if _CODE.fullmatch(text) else None


def _digits(number: int) -> str:
    """A number as text; "" for one that is longer than Python likes to write."""
    return str(number) if abs(number) < 10**80 else ""


def _id(value: object) -> str:
    """An id as text, at most 80 characters; "" for what is none. A number stays whole."""
    if isinstance(value, bool):
        return ""
    text = _digits(value) if isinstance(value, int) else value
    return text if isinstance(text, str) and text != "0" and _ID.fullmatch(text) else ""


def _plain(value: object, most: int) -> str:
    """Text of an answer as any database takes it: no NUL, no half of a character, `most` long."""
    text = "" if value is None else str(value)
    return text[: 2 * most].replace("\0", "").encode("utf-8", "ignore").decode()[:most]


def _pause(answer: Answer) -> float | None:
    """Seconds that the answer asks to wait, an hour at most."""
    return None if answer.retry_after is None else min(answer.retry_after, _LONGEST_PAUSE)


def _text(data: Mapping[str, Any], name: str, trace_id: str) -> str:
    """A field that an answer without it is useless without. Only for what is free to repeat."""
    value = data.get(name)
    if not isinstance(value, str) or not value or value != _plain(value, 300):
        raise Unreachable(f"SellerPic's answer carries no {name}.", trace_id=trace_id)
    return value


def _item(entry: Mapping[str, Any]) -> RemoteItem:
    word = str(entry.get("status") or "")
    state = _ITEM_STATES.get(word)
    if state is None:
        # The vendor lists four states; whatever a fifth means, the task is not over.
        logger.warning("SellerPic reports the unknown state %r; taken as running.", word[:40])
        state = ItemState.RUNNING
    failed = state is ItemState.FAILED
    return RemoteItem(
        remote_id=_id(entry.get("id")),
        state=state,
        error_code=_plain(entry.get("errorCode"), 40) if failed else "",
        error=_plain(entry.get("errorMsg"), 300) if failed else "",
    )
