"""What the engine does beside jobs: mail, the catalog's due work, presets, credits, balances.

Each chore runs by its own interval and for itself: one that fails or hangs stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from catalog.services import sweep_catalog
from generation.balances import note_balance
from generation.engine.books import check_due_books
from generation.engine.context import Context, logger
from generation.engine.provider_books import keep_provider_books
from generation.models import Attempt, ProviderAccount
from generation.presets import renew_presets
from generation.providers.base import Balance
from generation.providers.errors import ProviderError
from generation.providers.keys import note_key
from generation.providers.registry import configured_providers, current_account
from teams.grants import tend_grants
from teams.lifecycle import finish_closings
from teams.outbox import send_due_mail

Chore = Callable[[Context], Awaitable[None]]


async def send_mail(ctx: Context) -> None:
    """Send what waits in the outbox."""
    await ctx.slow.run(send_due_mail, ctx.clock())


async def tend_catalog(ctx: Context) -> None:
    """Have the catalog derive its due work from its rows."""
    await ctx.slow.run(sweep_catalog, ctx.clock())


async def close_teams(ctx: Context) -> None:
    """Close the teams whose last job has ended since somebody closed them."""
    await ctx.slow.run(finish_closings, ctx.clock())


async def tend_credits(ctx: Context) -> None:
    """Let grants begin and end on time, and announce their end."""
    await ctx.slow.run(tend_grants, ctx.clock())


async def check_books(ctx: Context) -> None:
    """Add up the ledger once a day."""
    await ctx.slow.run(check_due_books, ctx.clock())


async def renew_due_presets(ctx: Context) -> None:
    """Renew the preset lists of the accounts where they are due."""
    for account in await ctx.database.run(_accounts):
        if ctx.client(account).preset_kinds and account.presets_due_at <= ctx.clock():
            await renew_presets(
                account,
                ctx.client(account),
                run=ctx.database.run,
                run_slow=ctx.slow.run,
                at=ctx.clock(),
            )


async def refresh_balance(ctx: Context) -> None:
    """Note the operator's credits at every provider."""
    for account in await ctx.database.run(_accounts):
        await _read_balance(ctx, account)


async def refresh_doubted_balance(ctx: Context) -> None:
    """Read a balance at once where the provider has just refused a job for want of credits."""
    for account in await ctx.database.run(_doubted_accounts, ctx.clock()):
        await _read_balance(ctx, account)


async def keep_books(ctx: Context) -> None:
    """Make up the days of the operator's accounts with providers, and watch their balances."""
    await ctx.slow.run(keep_provider_books, ctx.clock())


async def _read_balance(ctx: Context, account: ProviderAccount) -> None:
    try:
        balance = await ctx.client(account).balance()
    except ProviderError as exc:
        logger.info("The balance at %s is not known: %s", account, exc.message)
        await ctx.database.run(note_key, account.pk, exc, ctx.clock())
        return
    await ctx.database.run(_note_balance, account, balance, ctx.clock())


async def run_chores(ctx: Context, may_work: Callable[[], bool]) -> None:
    """Run every chore by its interval while this engine is the active one. Never returns."""
    timing = ctx.timing
    await asyncio.gather(
        _repeat(send_mail, timing.mail_every, ctx, may_work),
        _repeat(tend_catalog, timing.catalog_every, ctx, may_work),
        _repeat(close_teams, timing.closings_every, ctx, may_work),
        _repeat(renew_due_presets, timing.presets_every, ctx, may_work),
        _repeat(tend_credits, timing.grants_every, ctx, may_work),
        _repeat(check_books, timing.books_every, ctx, may_work),
        _repeat(refresh_balance, timing.balance_every, ctx, may_work),
        _repeat(refresh_doubted_balance, timing.balance_doubt_every, ctx, may_work),
        _repeat(keep_books, timing.provider_books_every, ctx, may_work),
    )


async def _repeat(chore: Chore, every: float, ctx: Context, may_work: Callable[[], bool]) -> None:
    while True:
        if not may_work():
            await asyncio.sleep(min(every, ctx.timing.tick))
            continue
        try:
            await chore(ctx)
        except Exception:
            logger.exception("The chore %s failed.", getattr(chore, "__name__", chore))
        await asyncio.sleep(every)


def _accounts() -> list[ProviderAccount]:
    return [current_account(provider) for provider in configured_providers()]


def _doubted_accounts(now: datetime) -> list[ProviderAccount]:
    """Accounts that refused a job in the last minute, after their balance was read.

    Only those that closed by what operators are told of and whose key was not the reason. A minute,
    so that a host that tells no balance is not asked on and on. Attempts are looked at where an
    account is closed, and else not.
    """
    closed = [
        account
        for account in _accounts()
        if account.closed_streak
        and account.closed_code
        and account.closed_code == account.alerted_code
        and account.key_refused_at is None
    ]
    last_minute = now - timedelta(minutes=1)
    return [
        account
        for account in closed
        if Attempt.objects.filter(
            job__account=account,
            outcome=Attempt.Outcome.NOT_TAKEN,
            error_code=account.closed_code,
            started_at__gt=max(account.balance_at or last_minute, last_minute),
        ).exists()
    ]


def _note_balance(account: ProviderAccount, balance: Balance, now: datetime) -> None:
    note_balance(account.pk, balance, now)
    note_key(account.pk, None, now)
