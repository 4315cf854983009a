"""Fits a job's photos to its operation and uploads them, before the job waits for a slot."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from catalog.limited import DecoderFailed, NotAPicture
from catalog.models import Rendition
from catalog.services import fitted_copy, fitted_mask, forget_copy
from catalog.storage import Missing, has_public_links, storage
from generation.engine.breaker import note_failure
from generation.engine.claims import fail_offer_gone, fail_withdrawn
from generation.engine.context import Context, logger
from generation.engine.faults import MOST_TRIES, may_be_its_own, pause_after, tried_too_often
from generation.engine.links import BODY_BYTES
from generation.engine.timing import Timing, back_off, seconds
from generation.models import Job, JobInput, ProviderFile, State
from generation.operations import Input, InputKind, Offer
from generation.providers.errors import NotTaken, Refused
from generation.providers.registry import offer_of, takes_uploads
from generation.transitions import advance, end_job


async def prepare_job(ctx: Context, job: Job) -> None:
    """Bring a job from preparing to ready, back to queued, or to its end."""
    ctx.reached("preparing", job.pk)
    offer = offer_of(job.operation, job.offer)
    if offer is None:
        await ctx.database.run(fail_offer_gone, job, State.PREPARING, ctx.clock())
        return
    try:
        async with asyncio.timeout(ctx.timing.prepare):
            inputs = await ctx.database.run(_load_inputs, job)
            for entry in inputs:
                if entry.preset is not None and entry.preset.withdrawn_at is not None:
                    await ctx.database.run(fail_withdrawn, job, State.PREPARING, entry, ctx.clock())
                    return
            sent = await _send_pictures(ctx, job, offer, inputs)
    except (NotAPicture, Missing) as exc:
        sentence = getattr(exc, "sentence", "") or _("The photo's file is gone. Upload it again.")
        await ctx.database.run(_fail, job, "input_refused", sentence, ctx.clock())
    except Refused as exc:
        await ctx.database.run(_fail, job, exc.code or "input_refused", exc.message, ctx.clock())
    except NotTaken as exc:
        await ctx.database.run(_wait, job, exc, ctx.clock())
    except Exception as exc:
        if not isinstance(exc, TimeoutError | DecoderFailed):
            logger.exception("Preparing %s failed.", job.pk)
        await ctx.database.run(_retry, job, exc, ctx.clock(), ctx.timing)
    else:
        await ctx.database.run(_set_ready, job, sent, ctx.clock())
        ctx.wake()


async def _send_pictures(
    ctx: Context, job: Job, offer: Offer, inputs: list[JobInput]
) -> dict[int, tuple[str, str]]:
    """Checksum and key of the copy of every picture, by the id of its input.

    Masks come last: they take the size of the copy of their picture.
    """
    given = {entry.name: entry for entry in inputs if entry.asset is not None}
    wanted = [(entry, given[entry.name]) for entry in offer.inputs if entry.name in given]
    wanted.sort(key=lambda pair: pair[0].kind is InputKind.MASK)
    if takes_uploads(job.account):
        copies = await _fit(ctx, job, offer, wanted, upload=True)
    elif await ctx.files.run(has_public_links):
        copies = await _fit(ctx, job, offer, wanted, by_link=True)
    else:
        copies = await _fit(ctx, job, offer, wanted)
        if sum(copy.bytes for copy, _key in copies.values()) > BODY_BYTES:
            # All of them travel within one request, so each gets its share of it.
            share = BODY_BYTES // len(wanted)
            copies = await _fit(ctx, job, offer, wanted, max_bytes=share)
    return {pk: (copy.sha256, key) for pk, (copy, key) in copies.items()}


async def _fit(
    ctx: Context,
    job: Job,
    offer: Offer,
    wanted: list[tuple[Input, JobInput]],
    *,
    upload: bool = False,
    by_link: bool = False,
    max_bytes: int = 0,
) -> dict[int, tuple[Rendition, str]]:
    """Fitted copies and their keys by the id of the input.

    `by_link` lets large outputs have the larger copies that no request would carry; `max_bytes`
    caps the offer's own limit.
    """
    sizes: dict[str, tuple[int, int]] = {}
    made: dict[int, tuple[Rendition, str]] = {}
    for entry, row in wanted:
        assert row.asset is not None  # noqa: S101 - chosen by the caller
        fit = offer.fit_of(entry, job.options if by_link else None)
        most = min(fit.max_bytes, max_bytes) if max_bytes else fit.max_bytes
        # The lock keeps several jobs of one photo from fitting and uploading it side by side.
        async with ctx.lock(f"{job.account_id}:{row.asset_id}"):
            if entry.kind is InputKind.MASK:
                make = partial(fitted_mask, row.asset, size=sizes[entry.mask_of], max_bytes=most)
            else:
                make = partial(
                    fitted_copy,
                    row.asset,
                    max_side=fit.max_side,
                    min_side=fit.min_side,
                    max_bytes=most,
                    formats=fit.formats,
                )
            copy = await ctx.slow.run(make)
            key = copy.key
            if upload:
                try:
                    key = await _file_key(ctx, job, copy)
                except Missing:
                    # The copy's row outlived its file. Whether the photo is there, `make` tells.
                    await ctx.slow.run(forget_copy, copy.key)
                    copy = await ctx.slow.run(make)
                    key = await _file_key(ctx, job, copy)
            sizes[entry.name] = (copy.width, copy.height)
            made[row.pk] = copy, key
    return made


async def _file_key(ctx: Context, job: Job, copy: Rendition) -> str:
    """The file key of a fitted copy, uploaded once per provider account."""
    key = await ctx.database.run(_known_key, job, copy.sha256, ctx.clock(), ctx.timing)
    if key is None:
        key = await _upload(ctx, job, copy)
        ctx.reached("uploaded", job.pk)
        await ctx.database.run(_remember_key, job, copy.sha256, key, ctx.clock())
    return key


async def _upload(ctx: Context, job: Job, copy: Rendition) -> str:
    with tempfile.TemporaryDirectory(dir=ctx.scratch) as folder:
        suffix = {"jpeg": "jpg"}.get(copy.format, copy.format)
        path = Path(folder) / f"photo.{suffix}"
        await ctx.slow.run(storage().fetch, copy.key, path)
        return await ctx.client(job.account).upload(path, content_type=f"image/{copy.format}")


def _load_inputs(job: Job) -> list[JobInput]:
    return list(job.inputs.select_related("asset", "asset__team", "preset").order_by("pk"))


def _known_key(job: Job, sha256: str, now: datetime, timing: Timing) -> str | None:
    # Half the age that a claim still takes, so that a key does not run out while the job waits.
    return (
        ProviderFile.objects.filter(
            account_id=job.account_id,
            sha256=sha256,
            uploaded_at__gt=now - seconds(timing.file_key_age / 2),
        )
        .values_list("file_key", flat=True)
        .first()
    )


def _remember_key(job: Job, sha256: str, key: str, now: datetime) -> None:
    ProviderFile.objects.update_or_create(
        account_id=job.account_id,
        sha256=sha256,
        defaults={"file_key": key, "uploaded_at": now},
    )


@transaction.atomic
def _set_ready(job: Job, sent: dict[int, tuple[str, str]], now: datetime) -> None:
    changes: dict[str, Any] = {"lease_until": None, "due_at": now}
    if job.attempt_count == 0:
        # Later on the count is of files that the provider forgot, which must come to an end.
        changes["step_failures"] = 0
    if advance(job, State.PREPARING, State.READY, at=now, **changes):
        for pk, (sha256, key) in sent.items():
            JobInput.objects.filter(pk=pk).update(sent_sha256=sha256, file_key=key)


def _wait(job: Job, failure: NotTaken, now: datetime) -> None:
    """The provider is away, closed or busy: as a rule nothing is counted against the job.

    The pause belongs to the account or the pool, so that the jobs behind it do not knock as well.
    """
    note_failure(job.pool, failure, now)
    tries, pause = job.step_failures, max(failure.retry_after or 0, 2.0)
    if may_be_its_own(failure):
        tries += 1
        pause = pause_after(tries)
        if tries >= MOST_TRIES:
            refusal = tried_too_often(failure)
            _fail(job, refusal.code, refusal.message, now)
            return
    advance(
        job,
        State.PREPARING,
        State.QUEUED,
        at=now,
        note=failure.message,
        lease_until=None,
        due_at=now + seconds(pause),
        step_failures=tries,
    )


def _retry(job: Job, failure: Exception, now: datetime, timing: Timing) -> None:
    tries = job.step_failures + 1
    most = timing.decode_tries if isinstance(failure, DecoderFailed) else timing.prepare_tries
    if tries >= most:
        sentence = getattr(failure, "sentence", "") or _(
            "The photo could not be prepared. The credits were returned."
        )
        _fail(job, "not_prepared", sentence, now)
        return
    advance(
        job,
        State.PREPARING,
        State.QUEUED,
        at=now,
        lease_until=None,
        due_at=now + seconds(back_off(tries, first=1.0, most=300.0)),
        step_failures=tries,
    )


def _fail(job: Job, code: str, sentence: str, now: datetime) -> None:
    end_job(job, State.PREPARING, State.FAILED, at=now, error_code=code[:40], error=sentence[:300])
