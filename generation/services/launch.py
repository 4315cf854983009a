"""Launching: everything is checked before a credit is held, and all is written or nothing."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import Asset, Product
from generation.models import Job, JobInput, Output, Pool, Preset
from generation.operations import OPERATIONS, Ask, Offer
from generation.preflight import LaunchRefused, check_inputs, check_options, check_together
from generation.prices import prices_at
from generation.providers.registry import current_account, offers_of
from generation.tasks import send_wake_hint
from generation.transitions import record_event
from teams.credits import BudgetExceeded, hold
from teams.models import Team, User
from teams.movements import lock_account


class PriceChanged(LaunchRefused):
    """The job costs something else than the page said; nothing was written."""

    def __init__(self, *, shown: int, price: int) -> None:
        words = {"shown": shown, "price": price}
        super().__init__(
            ngettext(
                "The price has changed: this costs %(price)d credit now, not %(shown)d. Nothing "
                "was started. Launch again to pay that.",
                "The price has changed: this costs %(price)d credits now, not %(shown)d. Nothing "
                "was started. Launch again to pay that.",
                price,
            )
            % words
        )
        self.price = price


def launch_job(
    *,
    team: Team,
    by: User,
    operation: str,
    offer: str = "",
    request_key: uuid.UUID,
    product: Product | None,
    inputs: Mapping[str, Asset | Preset],
    options: Mapping[str, Any] | None = None,
    retry_of: Job | None = None,
    is_batch: bool = False,
    shown_price: int | None = None,
) -> Job:
    """Record a job, hold its credits and wake the engine once both are committed.

    `offer` names one provider's way of doing it; "" is the first that can be launched now. The same
    `request_key` returns the job that it launched the first time. `shown_price` are the credits that
    the person was told; at another price nothing is started. Raises LaunchRefused, also for a
    budget that forbids it, or InsufficientCredits when the team cannot pay; either leaves nothing
    behind.
    """
    if launched := Job.objects.for_team(team).filter(request_key=request_key).first():
        return launched
    if team.standing:
        raise LaunchRefused(team.standing)
    chosen = _find_offer(operation, offer)
    account = current_account(chosen.provider)
    _check_product(team, product)
    settled = check_options(chosen, options or {})
    check_inputs(team, product, account, chosen, inputs)
    check_together(chosen, inputs, settled)
    _check_room(team)
    quote = prices_at().quote(operation, chosen, Ask(settled, frozenset(inputs)))
    if shown_price is not None and shown_price != quote.total:
        raise PriceChanged(shown=shown_price, price=quote.total)
    pool = Pool.objects.get(account=account, name=chosen.pool)
    with transaction.atomic():
        job, is_new = Job.objects.get_or_create(
            team=team,
            request_key=request_key,
            defaults={
                "product": product,
                "requested_by": by,
                "retry_of": retry_of,
                "operation": operation,
                "offer": chosen.name,
                "account": account,
                "pool": pool,
                "options": settled,
                # A provider's fixed default would make the same picture again.
                "seed": secrets.randbelow(2**32) if chosen.takes_seed else None,
                "is_batch": is_batch,
                "expected_outputs": quote.outputs,
                "unit_price": quote.unit,
                "price": quote.total,
                "price_version": quote.version,
            },
        )
        if is_new:
            _fill(job, by, inputs)
            transaction.on_commit(send_wake_hint, robust=True)
    return job


def retry_job(*, job: Job, by: User, request_key: uuid.UUID, shown_price: int | None = None) -> Job:
    """Launch a finished job's inputs again, as a job of its own with its own hold.

    `shown_price` is as in `launch_job`. Raises what that raises, and LaunchRefused while the job is
    unfinished.
    """
    if not job.is_finished:
        raise LaunchRefused(_("This job is still under way. Try again once it has ended."))
    entries = job.inputs.select_related("asset", "preset")
    inputs: dict[str, Asset | Preset] = {}
    for entry in entries:
        value = entry.asset or entry.preset
        if value is not None:
            inputs[entry.name] = value
    return launch_job(
        team=job.team,
        by=by,
        operation=job.operation,
        offer=job.offer,
        request_key=request_key,
        product=job.product,
        inputs=inputs,
        options=job.options,
        retry_of=job,
        shown_price=shown_price,
    )


def _fill(job: Job, by: User, inputs: Mapping[str, Asset | Preset]) -> None:
    JobInput.objects.bulk_create(
        JobInput(
            job=job,
            name=name,
            asset=value if isinstance(value, Asset) else None,
            preset=value if isinstance(value, Preset) else None,
        )
        for name, value in inputs.items()
    )
    Output.objects.bulk_create(
        Output(team=job.team, job=job, index=index) for index in range(job.expected_outputs)
    )
    if job.price:
        try:
            hold(
                team=job.team,
                member=by,
                amount=job.price,
                job=str(job.pk),
                actor=by.email,
                price_version=job.price_version,
            )
        except BudgetExceeded as exc:
            raise LaunchRefused(str(exc)) from exc
    else:
        lock_account(job.team)
    # Under the lock of the account, which suspending takes as well.
    if standing := Team.objects.get(pk=job.team_id).standing:
        raise LaunchRefused(standing)
    record_event(job, actor=by.email)


def _find_offer(operation: str, name: str) -> Offer:
    row = OPERATIONS.get(operation)
    if row is None:
        raise LaunchRefused(_("This operation is not offered."), "operation")
    open_ = offers_of(row)
    if not open_:
        raise LaunchRefused(
            _("%(operation)s is not offered now. An operator must set up a provider for it.")
            % {"operation": row.label},
            "operation",
        )
    if not name:
        return open_[0]
    for offer in open_:
        if offer.name == name:
            return offer
    raise LaunchRefused(
        _("%(operation)s is not offered this way now. Choose another provider.")
        % {"operation": row.label},
        "offer",
    )


def _check_product(team: Team, product: Product | None) -> None:
    if product is not None and (product.team_id != team.pk or product.archived_at is not None):
        raise LaunchRefused(_("This product was archived. Choose another one."), "product")


def _check_room(team: Team) -> None:
    limit = settings.TEAM_JOBS_UNFINISHED
    # Counts no further than the limit, however long the queue is.
    unfinished = Job.objects.for_team(team).unfinished().order_by()[:limit].count()
    if unfinished >= limit:
        raise LaunchRefused(
            _("The team has %(count)d unfinished jobs, the most it may have. Wait for some to end.")
            % {"count": unfinished}
        )


def forbid_archiving(photo: Asset) -> str:
    """Why a photo cannot be archived now; "" when it can. Registered with the catalog."""
    if Job.objects.unfinished().filter(inputs__asset=photo).exists():
        return _("A job is working with this photo. Archive it once the job has ended.")
    return ""
