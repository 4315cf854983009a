"""Brings finished pictures home: download, decode, store, then settle in one transaction."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from catalog.limited import DecoderFailed, NotAPicture
from catalog.models import Asset
from catalog.services import request_renditions, store_result
from generation.engine.context import Context, Observer, logger
from generation.engine.timing import Timing, back_off, seconds
from generation.models import Attempt, Job, Output, State
from generation.operations import Result as Kind
from generation.providers.base import ItemState, Media, RemoteItem
from generation.providers.errors import LinkDead, NotTaken, ProviderError, Refused
from generation.providers.registry import offer_of
from generation.transitions import advance, changing, end_job
from teams.models import Team

_DESCRIBED = (
    "key", "name", "format", "bytes", "width", "height", "seconds", "sha256", "average_colour",
)  # fmt: skip
"""What an asset that is not saved yet is made from again."""

_OF_THE_FILE: Mapping[str, tuple[type[Exception], ...]] = {
    "unreadable": (NotAPicture, DecoderFailed),
    "dead_links": (LinkDead,),
}
"""Troubles that may be for good. Each item counts them under these names, each kind for itself."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item: a stored asset (not saved yet), or why there is none.

    `was_made` tells that the provider made it, and may charge for it, although it did not arrive.
    """

    index: int
    item: RemoteItem
    asset: Asset | None = None
    code: str = ""
    error: str = ""
    was_made: bool = False


def claim_to_collect(
    now: datetime, timing: Timing, room: int, working: Mapping[int, int] | None = None
) -> list[Job]:
    """Take jobs whose results wait to be fetched, each under a lease: up to `room` of each account.

    `working` are the collections under way by account id, which take of its room.
    """
    waiting = (
        Job.objects.unfinished()
        .filter(Q(lease_until=None) | Q(lease_until__lte=now))
        .filter(state=State.COLLECTING, due_at__lte=now)
    )
    ranked = waiting.annotate(
        place=Window(RowNumber(), partition_by=F("account_id"), order_by=[F("due_at"), F("id")])
    ).filter(place__lte=room)
    begun, chosen = Counter(working or {}), []
    for pk, account_id in ranked.order_by("due_at", "id").values_list("pk", "account_id"):
        if begun[account_id] < room:
            begun[account_id] += 1
            chosen.append(pk)
    jobs = waiting.filter(pk__in=chosen).order_by("due_at")
    return [
        job
        for job in jobs.select_related("pool", "account", "team", "product", "requested_by")
        if advance(job, State.COLLECTING, State.COLLECTING, lease_until=_lease(job, now, timing))
    ]


async def collect_job(ctx: Context, job: Job) -> None:
    """Fetch and store every succeeded item, then finish the job; or come back later.

    What became of an item is kept on the job, so that it is not fetched again; an item that is in
    trouble keeps none of the others back. Once the results are too old to wait for, whatever
    still fails counts as not delivered, for any reason.
    """
    writing = asyncio.Lock()
    async with asyncio.TaskGroup() as group:
        fetched = [
            group.create_task(_bring_home(ctx, job, index, entry, writing))
            for index, entry in enumerate(job.remote_items)
        ]
    ends = [task.result() for task in fetched]
    if None in ends:
        return  # Somebody else works on this job now.
    results = [end for end in ends if isinstance(end, Result)]
    troubles: dict[int | None, Exception] = {
        index: end for index, end in enumerate(ends) if isinstance(end, Exception)
    }
    if troubles:
        await ctx.database.run(_come_back, job, troubles, ctx.clock(), ctx.timing)
        return
    ctx.reached("collected", job.pk)
    try:
        await ctx.persist(finish_job, job, results, ctx.clock(), ctx.reached)
    except (OperationalError, InterfaceError):
        raise  # The database is away: the lease runs out, and the job is collected again.
    except Exception as exc:
        logger.exception("Finishing %s failed.", job.pk)
        if not _is_over(ctx, job):
            await ctx.database.run(_come_back, job, {None: exc}, ctx.clock(), ctx.timing)
            return
        results = [_missed(result.index, result.item, exc) for result in results]
        await ctx.persist(finish_job, job, results, ctx.clock(), ctx.reached)


async def _bring_home(
    ctx: Context, job: Job, index: int, entry: dict[str, Any], writing: asyncio.Lock
) -> Result | Exception | None:
    """What became of one item, or what is to be tried again; None where the job is in other hands.

    The items of a job are fetched side by side; `writing` lets one of them write its row at a time.
    """
    kept = _kept(job, index, entry)
    if kept is not None:
        return kept
    item = _item(entry)
    try:
        async with asyncio.timeout(ctx.timing.collect):
            result = await _collect_item(ctx, job, index, item, entry)
    except Exception as exc:
        if not isinstance(exc, ProviderError | TimeoutError | NotAPicture | DecoderFailed):
            logger.exception("Result %s of %s could not be fetched.", index, job.pk)
        if not _is_over(ctx, job):
            return exc
        result = _missed(index, item, exc)
    async with writing:
        if not await ctx.persist(_keep, job, result):
            return None
    ctx.reached("stored", job.pk)
    return result


async def _collect_item(
    ctx: Context, job: Job, index: int, item: RemoteItem, counted: Mapping[str, Any]
) -> Result:
    """Fetch, decode and store one item, or raise what may go better next time.

    `counted` tells how often its file could not be read or its link was dead before. A file that
    came broken may come whole, and a dead link be a passing trouble: fetching again costs nothing.
    """
    if item.state is not ItemState.SUCCEEDED:
        return Result(index, item, code=item.error_code, error=item.error)
    media = _media(job)
    with tempfile.TemporaryDirectory(dir=ctx.scratch) as folder:
        path = Path(folder) / "result"
        try:
            await ctx.client(job.account).fetch_output(
                item,
                path,
                media=media,
                file_format=str(job.options.get("download_format") or ""),
                uhd=bool(job.options.get("uhd")),
            )
            asset = await ctx.slow.run(
                store_result,
                team=job.team,
                product=job.product,
                by=job.requested_by,
                path=path,
                name=_name(job, index),
                key=f"t/{job.team_id}/out/{job.pk}/{index}",
                media=media.value,
            )
        except (NotAPicture, DecoderFailed) as exc:
            if counted.get("unreadable", 0) + 1 < ctx.timing.decode_tries:
                raise
            # What the exception says is advice to people who upload.
            logger.warning("Result %s of %s: %s", index, job.pk, exc.sentence)
            return Result(
                index, item, code="not_a_picture", error=_unreadable(media), was_made=True
            )
        except Refused as exc:
            dead = counted.get("dead_links", 0)
            if isinstance(exc, LinkDead) and dead + 1 < ctx.timing.link_tries:
                raise
            return _missed(index, item, exc)
    return Result(index, item, asset=asset)


def _unreadable(media: Media) -> str:
    if media is Media.VIDEO:
        return _("The provider sent a video that cannot be read. Nothing was charged for it.")
    return _("The provider sent a picture that cannot be read. Nothing was charged for it.")


def _missed(index: int, item: RemoteItem, failure: Exception) -> Result:
    """An item that is given up; if the provider made it, it may have been charged."""
    if item.state is not ItemState.SUCCEEDED:
        return Result(index, item, code=item.error_code, error=item.error)
    if isinstance(failure, ProviderError):
        code, error = failure.code or "gone", failure.message
    else:
        code, error = "not_fetched", _("The picture could not be fetched and stored in time.")
    return Result(index, item, code=code, error=error, was_made=True)


def finish_job(job: Job, results: Sequence[Result], now: datetime, reached: Observer) -> bool:
    """Assets, outputs, counters, settlement and the job's end, all or nothing.

    Captured are min(delivered, expected) results at the frozen unit price: what a provider sends
    beyond the expected number is kept at no charge.
    """
    delivered = [result for result in results if result.asset is not None]
    charged = min(len(delivered), job.expected_outputs)
    state = State.FAILED
    if delivered:
        state = State.SUCCEEDED if charged == job.expected_outputs else State.PARTIAL
    failed = next((result for result in results if result.asset is None), None)
    error = ""
    if state != State.SUCCEEDED:
        error = (failed.error if failed else "") or _(
            "The provider made fewer results than asked for."
        )
    with changing(job):
        ended = end_job(
            job,
            State.COLLECTING,
            state,
            at=now,
            captured=charged * job.unit_price,
            outputs_delivered=len(delivered),
            error=error[:300],
            error_code=(failed.code if failed and error else "")[:40],
        )
        if not ended:
            return False
        # Read after the move: whoever cancels later finds the job ended.
        discarded = job.discard_requested_at is not None
        reached("settling", job.pk)
        free_of_charge = len(delivered) - charged
        for result in results:
            _save_result(job, result, charged=result in delivered[:charged], discarded=discarded)
        if not discarded:
            Job.objects.filter(pk=job.pk).update(outputs_waiting=len(delivered))
            job.outputs_waiting = len(delivered)
        size = sum(result.asset.bytes for result in delivered if result.asset is not None)
        Team.objects.filter(pk=job.team_id).update(storage_bytes=F("storage_bytes") + size)
        lost = sum(result.was_made for result in results)
        if lost:
            Attempt.objects.filter(job=job, number=job.attempt_count).update(
                suspected_cost=lost * job.unit_price
            )
    if free_of_charge:
        logger.info("%s has %s results more than expected.", job.pk, free_of_charge)
    return True


def _save_result(job: Job, result: Result, *, charged: bool, discarded: bool) -> None:
    values: dict[str, Any] = {"team_id": job.team_id, "remote_id": result.item.remote_id[:80]}
    if result.asset is not None:
        result.asset.save(force_insert=True)
        request_renditions(result.asset)
        values |= {
            "state": Output.State.DELIVERED,
            "asset": result.asset,
            "charged": charged,
            "discarded": discarded,
            "error": "",
            "error_code": "",
        }
    else:
        values |= {
            "state": Output.State.FAILED,
            "error_code": result.code[:40],
            "error": (result.error or _("The provider could not make this picture."))[:300],
        }
    Output.objects.update_or_create(job=job, index=result.index, defaults=values)


def _come_back(
    job: Job, troubles: Mapping[int | None, Exception], now: datetime, timing: Timing
) -> None:
    """Fetch what is missing later; `troubles` are what went wrong, by the index of the item."""
    failure = next(iter(troubles.values()))
    pause = back_off(job.step_failures, first=timing.fetch_again, most=600.0)
    if isinstance(failure, NotTaken) and failure.retry_after:
        pause = max(pause, failure.retry_after)
    message = failure.message if isinstance(failure, ProviderError) else ""
    items = [
        {**entry, **_counted(entry, troubles.get(index))}
        for index, entry in enumerate(job.remote_items)
    ]
    advance(
        job,
        State.COLLECTING,
        State.COLLECTING,
        lease_until=None,
        due_at=now + seconds(pause),
        step_failures=min(job.step_failures + 1, 1000),
        remote_items=items,
        error=message[:300],
    )


def _counted(entry: Mapping[str, Any], trouble: Exception | None) -> dict[str, int]:
    """The counts of an item that go up with this trouble."""
    return {
        name: entry.get(name, 0) + 1
        for name, kinds in _OF_THE_FILE.items()
        if isinstance(trouble, kinds)
    }


def _is_over(ctx: Context, job: Job) -> bool:
    ended = job.remote_ended_at or job.created_at
    return ctx.clock() - ended > seconds(ctx.timing.collect_age)


def _keep(job: Job, result: Result) -> bool:
    """Note on the job what became of an item. False: the job is in other hands by now."""
    kept: dict[str, Any] = {
        "code": result.code[:40],
        "error": result.error[:300],
        "was_made": result.was_made,
    }
    if result.asset is not None:
        kept["asset"] = {name: getattr(result.asset, name) for name in _DESCRIBED}
    items = [
        {**entry, "result": kept} if index == result.index else entry
        for index, entry in enumerate(job.remote_items)
    ]
    return advance(job, State.COLLECTING, State.COLLECTING, remote_items=items)


def _kept(job: Job, index: int, entry: dict[str, Any]) -> Result | None:
    """The result that an earlier round noted; None for an item that is still to be fetched."""
    kept = entry.get("result")
    if kept is None:
        return None
    asset = None
    if "asset" in kept:
        asset = Asset(
            team=job.team,
            product=job.product,
            created_by=job.requested_by,
            kind=Asset.Kind.RESULT,
            **kept["asset"],
        )
    return Result(index, _item(entry), asset, kept["code"], kept["error"], kept["was_made"])


def _item(entry: dict[str, Any]) -> RemoteItem:
    return RemoteItem(
        remote_id=str(entry["remote_id"]),
        state=ItemState(entry["state"]),
        error_code=str(entry.get("error_code", "")),
        error=str(entry.get("error", "")),
        url=str(entry.get("url", "")),
    )


def _media(job: Job) -> Media:
    offer = offer_of(job.operation, job.offer)
    return Media.VIDEO if offer and offer.result is Kind.VIDEO else Media.IMAGE


def _lease(job: Job, now: datetime, timing: Timing) -> datetime:
    return now + seconds(timing.collect * max(1, len(job.remote_items)) + timing.lease_margin)


def _name(job: Job, index: int) -> str:
    stem = (job.product.sku or job.product.name) if job.product is not None else str(job.pk)[:8]
    return f"{stem[:80]}-{chr(ord('A') + index)}"
