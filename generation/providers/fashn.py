"""FASHN's HTTP API: run, status, credits; paced and sorted by whether to send again.

Facts are those of the vendor's documentation of mid-2026; what it does not say is marked ASSUMED.
The vendor's own library is not used: it sends /v1/run again after a time-out, which can be billed
as a second prediction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Unpack, cast
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
from generation.providers.fashn_answers import (
    CreditsBody,
    PredictionBody,
    charged_of,
    open_body,
    status_of,
)
from generation.providers.fashn_models import Run, run_of
from generation.providers.http import Answer
from generation.providers.rate_limits import Clock, SlidingWindow, Turns
from generation.providers.sending import sent

# Calls per seconds [vendor page], and half a second more because calls do not all travel alike.
_RUN, _STATUS, _CREDITS = (50, 60.5), (50, 10.5), (30, 10.5)
_LONGEST_WAIT, _LONGEST_READ_WAIT = 10.0, 30.0


class Fashn(Client):
    """One account; see `client.Connection`.

    `limited` keeps to the vendor's rates. Pictures travel in the order, as links or data URIs.
    """

    takes_uploads = False
    has_webhooks = True
    preset_kinds: tuple[str, ...] = ()

    def __init__(
        self,
        base_url: str,
        *,
        limited: bool = True,
        clock: Clock | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        super().__init__(base_url, setting="FASHN_FILE_HOSTS", **connection)
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
        return await self.run(run_of(order), webhook_url=order.webhook_url)

    async def status(self, remote_id: str) -> TaskStatus:
        """GET /v1/status/{id}: the outputs appear together at the end. NotFound: not kept any more."""
        try:
            body, answer = await self._get(f"/v1/status/{quote(remote_id, safe='')}", self._checks)
            return status_of(remote_id, cast("PredictionBody", body), charged_of(answer))
        except ProviderError as exc:
            exc.trace_id = remote_id
            raise

    async def fetch_output(
        self,
        item: RemoteItem,
        to: Path,
        *,
        media: Media,
        file_format: str = "",
        uhd: bool = False,
    ) -> None:
        """See `base.Provider.fetch_output`; a file is what the order asked for, there is no choice.

        Results are kept for 72 hours, then 404 [vendor page].

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

    async def balance(self) -> Balance:
        """GET /v1/credits: what is left of the subscription and of bought credits together."""
        body, _answer = await self._get("/v1/credits", self._reads)
        found = cast("CreditsBody", body).get("credits")
        try:
            if not isinstance(found, dict):
                raise ValueError("No credits.")
            return Balance(remaining=credits_of(found.get("total")), total=0)
        except ValueError as exc:
            raise Unreachable("FASHN sent no balance.") from exc

    # Endpoints ----------------------------------------------------------------------------------

    async def run(self, run: Run, *, webhook_url: str = "") -> Submitted:
        """POST /v1/run; `webhook_url` goes along in the query.

        Made once: there is no idempotency key, so a second call can be billed as a second task.
        """
        await self._runs.wait(longest=_LONGEST_WAIT)
        answer = await sent(
            self._api.post_json(
                "/v1/run",
                {"model_name": run.model_name, "inputs": dict(run.inputs)},
                {"webhook_url": webhook_url} if webhook_url else None,
            ),
            "FASHN",
            paid=True,
        )
        _obey(answer, self._runs)
        try:
            body = open_body(answer, paid=True, sent_bytes=run.size)
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
