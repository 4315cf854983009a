"""FASHN's HTTP API: run, status, credits; paced and sorted by whether to send again.

Facts are those of the vendor's documentation of mid-2026; what it does not say is marked ASSUMED.
The vendor's own library is not used: it sends /v1/run again after a time-out, which can be billed
as a second prediction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from generation.providers.answers import credits_of, id_text, pause_of
from generation.providers.base import (
    Balance,
    Media,
    Order,
    PresetPage,
    RemoteItem,
    Submitted,
    TaskStatus,
)
from generation.providers.download import MAX_BYTES, Downloader
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
from generation.providers.fashn_answers import charged_of, open_body, status_of
from generation.providers.fashn_models import inputs_of
from generation.providers.http import Answer, ApiClient, TimeLimits, Transport
from generation.providers.rate_limits import Clock, SlidingWindow, Turns
from generation.providers.sending import sent

# Calls per seconds [vendor page], and half a second more because calls do not all travel alike.
_RUN, _STATUS, _CREDITS = (50, 60.5), (50, 10.5), (30, 10.5)
_LONGEST_WAIT, _LONGEST_READ_WAIT = 10.0, 30.0


class Fashn:
    """One account. `base_url` is an origin; results are fetched from `file_hosts` only, by https.

    `limited` keeps to the vendor's rates. Pictures travel in the order, as links or data URIs.
    """

    takes_uploads = False
    has_webhooks = True
    preset_kinds: tuple[str, ...] = ()

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        file_hosts: Sequence[str],
        is_sandbox: bool = False,
        limited: bool = True,
        submit_limits: TimeLimits | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._api = ApiClient(
            base_url,
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            writes=submit_limits or TimeLimits(read=60.0),
            transport=transport,
        )
        self._files = Downloader(
            hosts=file_hosts,
            setting="FASHN_FILE_HOSTS",
            schemes=("https",),
            sandbox_origin=base_url if is_sandbox else "",
            transport=transport,
        )
        self._runs, self._checks, self._reads = (
            Turns("FASHN", SlidingWindow(*rate) if limited else None, clock)
            for rate in (_RUN, _STATUS, _CREDITS)
        )

    # The provider protocol ----------------------------------------------------------------------

    async def upload(self, path: Path, *, content_type: str) -> str:
        """FASHN has no uploads."""
        raise Refused("FASHN takes no uploads: pictures travel in the order.", code="bad_order")

    async def submit(self, order: Order) -> Submitted:
        """See `base.Provider.submit`."""
        return await self.run(order.task, inputs_of(order), webhook_url=order.webhook_url)

    async def status(self, remote_id: str) -> TaskStatus:
        """GET /v1/status/{id}: the outputs appear together at the end. NotFound: not kept any more."""
        try:
            body, answer = await self._get(f"/v1/status/{quote(remote_id, safe='')}", self._checks)
            return status_of(remote_id, body, charged_of(answer))
        except ProviderError as exc:
            exc.trace_id = remote_id
            raise

    async def fetch_output(self, item: RemoteItem, to: Path, *, media: Media) -> None:
        """See `base.Provider.fetch_output`. Results are kept for 72 hours, then 404 [vendor page].

        Where the link is dead, the status is asked once whether there is another.
        """
        remote_id = item.remote_id.rpartition("/")[0]
        try:
            if item.url:
                try:
                    await self._fetch(item.url, to, media)
                    return
                except LinkDead as dead:
                    url = await self._fresh_url(item)
                    if url in ("", item.url):
                        raise dead from None
            else:
                url = await self._fresh_url(item)
                if not url:
                    raise NotTaken("FASHN names no link to this result.", code="no_link")
            await self._fetch(url, to, media)
        except ProviderError as exc:
            exc.trace_id = exc.trace_id or remote_id
            raise

    async def presets(self, kind: str) -> AsyncIterator[PresetPage]:
        """FASHN has no presets."""
        return
        yield

    async def fetch_picture(self, url: str, to: Path, *, max_bytes: int) -> None:
        """Download a file from a listed host."""
        await self._files.fetch(url, to, max_bytes=max_bytes)

    async def balance(self) -> Balance:
        """GET /v1/credits: what is left of the subscription and of bought credits together."""
        body, _answer = await self._get("/v1/credits", self._reads)
        found = body.get("credits")
        try:
            if not isinstance(found, dict):
                raise ValueError("No credits.")
            return Balance(remaining=credits_of(found.get("total")), total=0)
        except ValueError as exc:
            raise Unreachable("FASHN sent no balance.") from exc

    async def aclose(self) -> None:
        """Close connections."""
        await self._api.aclose()
        await self._files.aclose()

    # Endpoints ----------------------------------------------------------------------------------

    async def run(
        self, model_name: str, inputs: Mapping[str, Any], *, webhook_url: str = ""
    ) -> Submitted:
        """POST /v1/run, with inputs of `fashn_models`; `webhook_url` goes along in the query.

        Made once: there is no idempotency key, so a second call can be billed as a second task.
        """
        await self._runs.wait(longest=_LONGEST_WAIT)
        size = sum(len(value) for value in inputs.values() if isinstance(value, str))
        answer = await sent(
            self._api.post_json(
                "/v1/run",
                {"model_name": model_name, "inputs": dict(inputs)},
                {"webhook_url": webhook_url} if webhook_url else None,
            ),
            "FASHN",
            paid=True,
        )
        _obey(answer, self._runs)
        try:
            body = open_body(answer, paid=True, sent_bytes=size)
        except NotFound as exc:
            # A submit names no id that could be unknown, so it is the address.
            raise AccountClosed(
                "FASHN's address takes no orders; check FASHN_BASE_URL.",
                code=WRONG_ADDRESS,
                trace_id=exc.trace_id,
            ) from exc
        remote_id = id_text(body.get("id"))
        if not remote_id:
            raise OutcomeUnknown("FASHN named no prediction.")
        return Submitted(remote_id, remote_id, charged_of(answer))

    # Calls --------------------------------------------------------------------------------------

    async def _get(self, path: str, turns: Turns) -> tuple[dict[str, Any], Answer]:
        await turns.wait(longest=_LONGEST_READ_WAIT)
        answer = await sent(self._api.get(path), "FASHN", paid=False)
        _obey(answer, turns)
        return open_body(answer, paid=False), answer

    async def _fetch(self, url: str, to: Path, media: Media) -> None:
        try:
            await self._files.fetch(url, to, max_bytes=MAX_BYTES[media])
        except LinkDead as exc:
            if exc.code != "forbidden":
                raise
            # Results that are gone answer 404 [vendor page]; this one is paid for.
            raise NotTaken("FASHN's files cannot be read for now.", code=exc.code) from exc

    async def _fresh_url(self, item: RemoteItem) -> str:
        """The link that the status tells now; "" where it tells none."""
        remote_id = item.remote_id.rpartition("/")[0]
        try:
            status = await self.status(remote_id)
        except NotFound:
            raise
        except Refused as exc:
            raise NotTaken(exc.message, code=exc.code, trace_id=exc.trace_id) from exc
        return next((now.url for now in status.items if now.remote_id == item.remote_id), "")


def _obey(answer: Answer, turns: Turns) -> None:
    if answer.status == 429:
        turns.pause(pause_of(answer))
