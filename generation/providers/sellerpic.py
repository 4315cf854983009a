"""SellerPic's HTTP API: one method per endpoint, paced and sorted by whether to send again.

Facts are those of the vendor's pages (documentation 1.0.0 and 1.0.1); what they do not say is
marked ASSUMED. Ids are int64 carried as strings and stay strings.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Unpack

from generation.providers.answers import credits_of, id_text, pause_of, plain
from generation.providers.base import (
    Balance,
    Media,
    Order,
    PresetItem,
    PresetPage,
    RemoteItem,
    Submitted,
    TaskStatus,
)
from generation.providers.client import Client, Connection
from generation.providers.download import MAX_BYTES
from generation.providers.errors import (
    WRONG_ADDRESS,
    AccountClosed,
    LinkDead,
    NotFound,
    NotTaken,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Unreachable,
)
from generation.providers.http import Answer
from generation.providers.rate_limits import Ahead, Clock, TokenBucket, Turns
from generation.providers.sellerpic_answers import (
    MEANINGS,
    Envelope,
    FileLink,
    UploadLink,
    item_of,
    open_envelope,
)
from generation.providers.sellerpic_tasks import GUESSED, TaskBody, body_of
from generation.providers.sending import sent

PRESET_PAGE = 50
"""The largest page that the preset list gives."""
UPLOAD_VERSIONS = ("1.0.1", "1.0.0")
"""One multipart call, or a link and a PUT; named by the documentation that describes them."""

_NAME = "SellerPic"
_UPLOAD_FORMATS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_RESULT_FORMATS = {Media.IMAGE: "png", Media.VIDEO: "mp4"}
# ASSUMED: after a quiet time that many calls at once do no harm. No rate is documented.
_BURST = 120
_LONGEST_WAIT, _LONGEST_READ_WAIT = 10.0, 30.0


class SellerPic(Client):
    """One account; see `client.Connection`.

    `requests_per_second` is what we keep to on average, 0: no limit of ours. Uploads and submits go
    ahead of everything else, so that asking how tasks stand never keeps a task back.
    `code_meanings` says by error code which word of `sellerpic_answers.MEANINGS` it stands
    for, as SellerPic's own table is not known.
    """

    takes_uploads = True
    has_webhooks = False
    preset_kinds: tuple[str, ...] = (
        "SWAP_MODEL",
        "SWAP_MODEL_SCENE",
        "AI_BACKGROUND",
        "BACKGROUND",
    )

    def __init__(
        self,
        base_url: str,
        *,
        upload_version: str = UPLOAD_VERSIONS[0],
        requests_per_second: float = 0.0,
        code_meanings: Mapping[int, str] = MappingProxyType({}),
        clock: Clock | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        super().__init__(base_url, setting="SELLERPIC_FILE_HOSTS", **connection)
        if upload_version not in UPLOAD_VERSIONS:
            raise ValueError(f"upload_version must be one of {', '.join(UPLOAD_VERSIONS)}.")
        if unknown := set(code_meanings.values()) - set(MEANINGS):
            raise ValueError(f"Error codes cannot mean {', '.join(sorted(unknown))}.")
        self._upload_version = upload_version
        self._meanings = code_meanings
        first: Ahead | None = None
        others: TokenBucket | None = None
        if requests_per_second > 0:
            others = TokenBucket(requests_per_second, _BURST)
            first = Ahead(TokenBucket(requests_per_second, _BURST), others)
        self._orders, self._reads = Turns(_NAME, first, clock), Turns(_NAME, others, clock)

    # The provider protocol ----------------------------------------------------------------------

    async def upload(self, path: Path, *, content_type: str) -> str:
        """Send a picture file (jpg, png or webp, at most 40 MB) and return its file key."""
        if content_type not in _UPLOAD_FORMATS:
            raise Refused(f"SellerPic takes no {content_type}.", code="bad_order")
        if self._upload_version == "1.0.1":
            return await self.upload_file(path, content_type=content_type)
        try:
            return await self._upload_by_link(path, content_type)
        except LinkDead:
            # 403: the link is over [vendor page], which says to ask for another.
            try:
                return await self._upload_by_link(path, content_type)
            except LinkDead as exc:
                raise NotTaken(
                    "SellerPic's upload links do not work.", code=exc.code, trace_id=exc.trace_id
                ) from exc

    async def submit(self, order: Order) -> Submitted:
        """See `base.Provider.submit`. SellerPic takes neither a seed nor an address to call."""
        return await self.generate(body_of(order))

    async def status(self, remote_id: str) -> TaskStatus:
        """How the task's items stand. There is no state of the task as a whole, and no cost."""
        opened = await self._get("/v1/api/generate", {"id": remote_id})
        items = tuple(item_of(entry) for entry in opened.entries("resultList"))
        return TaskStatus(items, opened.trace_id)

    async def fetch_output(
        self,
        item: RemoteItem,
        to: Path,
        *,
        media: Media,
        file_format: str = "",
        uhd: bool = False,
    ) -> None:
        """See `base.Provider.fetch_output`. Links live 12 hours, then answer 403 [vendor page]."""
        for last in (False, True):
            link = await self.download_link(
                item.remote_id, file_format=file_format or _RESULT_FORMATS[media], uhd=uhd
            )
            try:
                await self.fetch_picture(link.url, to, max_bytes=MAX_BYTES[media])
                return
            except ProviderError as exc:
                exc.trace_id = link.trace_id
                if last or not isinstance(exc, LinkDead):
                    raise

    async def presets(self, kind: str) -> AsyncIterator[PresetPage]:
        """Page through one of `preset_kinds`."""
        number = 1
        while True:
            page = await self.preset_page(kind, number)
            yield page
            if not page.has_more or not page.items:
                return
            number += 1

    async def fetch_picture(self, url: str, to: Path, *, max_bytes: int) -> None:
        """See `client.Client.fetch_picture`."""
        await super().fetch_picture(self._secure(url), to, max_bytes=max_bytes)

    async def balance(self) -> Balance:
        """Credits of the account: GET /v1/api/usage."""
        opened = await self._get("/v1/api/usage")
        try:
            return Balance(
                remaining=credits_of(opened.data.get("remaining")),
                total=credits_of(opened.data.get("total")),
                used=_credits_if_told(opened.data.get("usage")),
            )
        except ValueError as exc:
            raise Unreachable("SellerPic sent no balance.", trace_id=opened.trace_id) from exc

    # Endpoints ----------------------------------------------------------------------------------

    async def upload_file(self, path: Path, *, content_type: str) -> str:
        """POST /v1/api/upload: one multipart field `file` (1.0.1)."""
        await self._orders.wait(longest=_LONGEST_READ_WAIT)
        answer = await sent(
            self._api.post_file("/v1/api/upload", "file", path, content_type), _NAME, paid=False
        )
        return self._open(answer, paid=False).text("fileKey")

    async def upload_link(self, file_format: str) -> UploadLink:
        """GET /v1/api/upload/url: a file key and an address to PUT to within 30 minutes (1.0.0)."""
        opened = await self._get("/v1/api/upload/url", {"format": file_format}, turns=self._orders)
        return UploadLink(
            opened.text("fileKey"), opened.text("imageUrl", most=4000), opened.trace_id
        )

    async def generate(self, body: TaskBody) -> Submitted:
        """POST /v1/api/generate/<task>.

        Made once: there is no idempotency key, so a second call can be billed as a second task.
        """
        await self._orders.wait(longest=_LONGEST_WAIT)
        answer = await sent(
            self._api.post_json(f"/v1/api/generate/{body.task}", body.fields), _NAME, paid=True
        )
        try:
            opened = self._open(answer, paid=True)
        except NotFound as exc:
            # Without an envelope nobody at SellerPic says so. The path of a guessed task may be wrong.
            if body.task in GUESSED or not exc.code.startswith("http_"):
                raise
            raise AccountClosed(
                "SellerPic's address takes no orders; check SELLERPIC_BASE_URL.",
                code=WRONG_ADDRESS,
                trace_id=exc.trace_id,
            ) from exc
        remote_id = id_text(opened.data.get("id"))
        if not remote_id:
            raise OutcomeUnknown("SellerPic named no task.", trace_id=opened.trace_id)
        return Submitted(remote_id, opened.trace_id)

    async def preset_page(self, kind: str, number: int) -> PresetPage:
        """GET /v1/api/presets: page `number` from 1. Every field is documented as optional."""
        opened = await self._get(
            "/v1/api/presets",
            {"type": kind, "pageNum": str(number), "pageSize": str(PRESET_PAGE)},
        )
        items = tuple(
            PresetItem(
                remote_id=id_text(entry["id"]),
                name=plain(entry.get("name"), 100),
                image_url=plain(entry.get("imageUrl"), 1000),
                thumb_url=plain(entry.get("thumbUrl"), 1000),
            )
            for entry in opened.entries("list")
            if id_text(entry.get("id"))
        )
        total = opened.data.get("total")
        total = total if isinstance(total, int) else 0
        more = opened.data.get("hasMore")
        return PresetPage(
            items=items,
            has_more=more if isinstance(more, bool) else number * PRESET_PAGE < total,
            total=total,
        )

    async def download_link(
        self, image_id: str, *, file_format: str = "png", uhd: bool = False
    ) -> FileLink:
        """GET /v1/api/download: the address of one output, by image id (not the task's).

        `file_format` is jpg, png or webp for images and mp4, gif or webp for videos; `uhd` asks for
        4096 pixels on the longer side. Identical requests return the same link until it dies
        [vendor page]. The picture is paid for, so only the state FAILED gives it up; with an error
        code, there being no table of them, or any other answer it is asked for again later.
        """
        query = {"id": image_id, "downloadFormat": file_format, "uhd": str(uhd).lower()}
        try:
            opened = await self._get("/v1/api/download", query)
        except Refused as exc:
            raise NotTaken(exc.message, code=exc.code, trace_id=exc.trace_id) from exc
        url, state = opened.data.get("fileUrl"), opened.data.get("status")
        if state == "FAILED":
            raise Refused(
                plain(opened.data.get("errorMsg"), 300) or "SellerPic has no file of this result.",
                code="file_failed",
                trace_id=opened.trace_id,
            )
        if state != "SUCCESS" or not isinstance(url, str) or not url.isprintable():
            # ASSUMED: the status hints that a conversion may not be ready at once.
            raise NotTaken(
                "SellerPic is still writing the file.", trace_id=opened.trace_id, retry_after=60
            )
        return FileLink(url, opened.trace_id)

    # Calls --------------------------------------------------------------------------------------

    async def _upload_by_link(self, path: Path, content_type: str) -> str:
        link = await self.upload_link(_UPLOAD_FORMATS[content_type])
        try:
            await self._files.put(path, self._secure(link.url))
        except ProviderError as exc:
            exc.trace_id = link.trace_id
            raise
        return link.file_key

    def _secure(self, url: str) -> str:
        """A link by https. ASSUMED: what a live host links by http, it has by https as well."""
        if self._is_sandbox or not url.startswith("http://"):
            return url
        return url.replace("http:", "https:", 1)

    async def _get(
        self, path: str, params: Mapping[str, str] | None = None, *, turns: Turns | None = None
    ) -> Envelope:
        await (turns or self._reads).wait(longest=_LONGEST_READ_WAIT)
        return self._open(await sent(self._api.get(path, params), _NAME, paid=False), paid=False)

    def _open(self, answer: Answer, *, paid: bool) -> Envelope:
        if answer.status == 429:
            for turns in (self._orders, self._reads):
                turns.pause(pause_of(answer))
        return open_envelope(answer, paid=paid, meanings=self._meanings)


def _credits_if_told(value: object) -> int | None:
    """A figure that jobs do not need: one that cannot be read is as good as none."""
    try:
        return credits_of(value)
    except ValueError:
        return None
