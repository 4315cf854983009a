"""Keeps our copy of a provider's preset list: names, order, pictures, and what was withdrawn.

A provider whose list cannot be read changes nothing: people go on choosing from the last good copy,
and the account says when and why it could not be renewed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction

from catalog.limited import DecoderFailed, NotAPicture, make_rendition
from catalog.storage import StorageError, storage
from generation.models import Preset, ProviderAccount
from generation.providers.base import PresetItem, Provider
from generation.providers.errors import AccountClosed, ProviderError

logger = logging.getLogger(__name__)

PICTURE_SIDE = 512
"""Longest side, in pixels, of the copy that pages show."""
PICTURE_BYTES = 20 * 1024 * 1024
RENEW_AFTER = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=5)
FIRST_RETRY_AFTER = timedelta(seconds=5)
"""Until there is any list at all; a sandbox may start a moment later than the worker."""

_AT_ONCE = 3
_MOST_PAGES = 200
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")

Runner = Callable[..., Awaitable[Any]]
"""Runs a blocking function off the event loop: `await run(function, *arguments)`."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """What was read of one kind. Only a whole list tells what is no longer offered."""

    items: list[PresetItem]
    is_whole: bool


async def renew_presets(
    account: ProviderAccount,
    client: Provider,
    *,
    run: Runner,
    at: datetime,
    run_slow: Runner | None = None,
) -> bool:
    """Read the whole list, then fetch the pictures that are missing. True when all went well.

    A list that breaks off withdraws nothing, and neither does one that is shorter than the provider
    says it is, or empty where there was one: jobs that wait for a preset fail once it is withdrawn.
    A kind that cannot be read leaves the others as they are. Never raises for the provider's
    failures.
    """
    known = await run(_known_kinds, account)
    lists: dict[str, _Offer] = {}
    failures: dict[str, str] = {}
    for kind in Preset.Kind.values:
        try:
            lists[kind] = await _read_list(client, kind, was_known=kind in known)
        except ProviderError as exc:
            failures[kind] = exc.message
            if isinstance(exc, AccountClosed):  # The others would fare the same.
                break
    error = _troubles(lists, failures)
    if error:
        logger.warning("The presets of %s: %s", account, error)
    for kind, offer in lists.items():
        await run(_store_list, account, kind, offer, at)
    links = {(kind, item.remote_id): item for kind, offer in lists.items() for item in offer.items}
    missing: list[Preset] = await run(_without_picture, account)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def fetch(preset: Preset) -> bool:
        async with turns:
            item = links[preset.kind, preset.remote_id]
            return await _fetch_picture(client, preset, item, run, run_slow or run)

    fetched = await asyncio.gather(
        *(fetch(preset) for preset in missing if (preset.kind, preset.remote_id) in links)
    )
    complete = all(fetched) and not error
    if complete or any(offer.items for offer in lists.values()):
        await run(_note_success, account, at, complete, error)
    else:
        await run(_note_failure, account, error, at)
    return complete


def _troubles(lists: Mapping[str, _Offer], failures: Mapping[str, str]) -> str:
    """What went wrong, in one line for operators; "" where nothing did."""
    if failures and not lists:
        return next(iter(failures.values()))
    told = [f"The list of {kind} cannot be read: {message}" for kind, message in failures.items()]
    if short := [kind for kind, offer in lists.items() if not offer.is_whole]:
        told.append(f"The list of {', '.join(short)} came short.")
    return " ".join(told)


async def _read_list(client: Provider, kind: str, *, was_known: bool) -> _Offer:
    """All pages of a kind. One that was never seen to hold anything may be empty."""
    items: dict[str, PresetItem] = {}
    pages = total = 0
    has_more = True
    async for page in client.presets(kind):
        pages, total, has_more, known = pages + 1, page.total, page.has_more, len(items)
        for item in page.items:
            items.setdefault(item.remote_id, item)
        if pages == _MOST_PAGES or len(items) == known:  # A page that was sent before.
            break
    fitting = [item for item in items.values() if len(item.remote_id) <= 40]
    is_empty = pages == 1 and total == 0 and not items and not has_more
    return _Offer(fitting, is_whole=0 < total <= len(items) or (is_empty and not was_known))


def _known_kinds(account: ProviderAccount) -> set[str]:
    """The kinds that something is offered of now."""
    offered = account.presets.filter(withdrawn_at=None).order_by()
    return set(offered.values_list("kind", flat=True).distinct())


@transaction.atomic
def _store_list(account: ProviderAccount, kind: str, offer: _Offer, at: datetime) -> None:
    items = offer.items
    known = {preset.remote_id: preset for preset in account.presets.filter(kind=kind)}
    new: list[Preset] = []
    for position, item in enumerate(items):
        preset = known.get(item.remote_id)
        if preset is None:
            preset = Preset(account=account, kind=kind, remote_id=item.remote_id)
            new.append(preset)
        preset.name = item.name[:100]
        preset.image_url = item.image_url[:1000]
        preset.position = position
        preset.seen_at = at
        preset.withdrawn_at = None
    Preset.objects.bulk_create(new)
    Preset.objects.bulk_update(
        [known[item.remote_id] for item in items if item.remote_id in known],
        ["name", "image_url", "position", "seen_at", "withdrawn_at"],
        batch_size=200,
    )
    if offer.is_whole:
        account.presets.filter(kind=kind, withdrawn_at=None, seen_at__lt=at).update(withdrawn_at=at)


async def _fetch_picture(
    client: Provider, preset: Preset, item: PresetItem, run: Runner, run_slow: Runner
) -> bool:
    """Fetch, decode and store one picture. A missing one only means a plain tile."""
    with tempfile.TemporaryDirectory() as folder:
        source, to = Path(folder) / "source", Path(folder) / "picture"
        try:
            await client.fetch_picture(
                item.image_url or item.thumb_url, source, max_bytes=PICTURE_BYTES
            )
            await run_slow(_store_picture, preset, source, to)
        except (ProviderError, NotAPicture, DecoderFailed, StorageError) as exc:
            logger.warning("The picture of preset %s is missing: %s", preset.remote_id, exc)
            return False
    return True


def _store_picture(preset: Preset, source: Path, to: Path) -> None:
    picture = make_rendition(source, to, max_side=PICTURE_SIDE)
    name = preset.remote_id
    if not _PLAIN_ID.fullmatch(name):
        name = hashlib.sha256(name.encode()).hexdigest()[:40]
    key = f"presets/{preset.account_id}/{preset.kind}-{name}.webp"
    storage().save(key, to, content_type="image/webp")
    Preset.objects.filter(pk=preset.pk).update(
        picture_key=key, picture_width=picture.width, picture_height=picture.height
    )


def _without_picture(account: ProviderAccount) -> list[Preset]:
    return list(
        account.presets.filter(picture_key="", withdrawn_at=None).order_by("position", "kind")
    )


def _note_failure(account: ProviderAccount, why: str, at: datetime) -> None:
    pause = RETRY_AFTER if account.presets_synced_at else FIRST_RETRY_AFTER
    ProviderAccount.objects.filter(pk=account.pk).update(
        presets_error=why[:200], presets_due_at=at + pause
    )


def _note_success(account: ProviderAccount, at: datetime, complete: bool, error: str) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(
        presets_error=error[:200],
        presets_synced_at=at,
        presets_due_at=at + (RENEW_AFTER if complete else RETRY_AFTER),
    )
