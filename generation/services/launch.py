"""Launching: everything is checked before a credit is held, and all is written or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from catalog.models import Asset, Product
from generation.models import Job, JobInput, Output, Pool, Preset, ProviderAccount
from generation.operations import OPERATIONS, Input, InputKind, Operation
from generation.providers.registry import current_account
from generation.tasks import send_wake_hint
from generation.transitions import record_event
from teams.credits import hold
from teams.models import Team, User


class LaunchRefused(Exception):
    """The job cannot be launched; nothing was written.

    `sentence` says what to do about it, `field` names the input at fault ("" for the whole form).
    """

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


def launch_job(
    *,
    team: Team,
    by: User,
    operation: str,
    request_key: uuid.UUID,
    product: Product | None,
    inputs: Mapping[str, Asset | Preset],
    options: Mapping[str, Any] | None = None,
    retry_of: Job | None = None,
) -> Job:
    """Record a job, hold its credits and wake the engine once both are committed.

    The same `request_key` returns the job that it launched the first time. Raises LaunchRefused,
    or InsufficientCredits when the team cannot pay; either leaves nothing behind.
    """
    if launched := Job.objects.for_team(team).filter(request_key=request_key).first():
        return launched
    wanted = OPERATIONS.get(operation)
    if wanted is None:
        raise LaunchRefused(_("This operation is not offered."), "operation")
    account = current_account(wanted.provider)
    _check_product(team, product)
    _check_inputs(team, product, account, wanted, inputs)
    _check_room(team)
    pool = Pool.objects.get(account=account, name=wanted.pool)
    with transaction.atomic():
        job, is_new = Job.objects.get_or_create(
            team=team,
            request_key=request_key,
            defaults={
                "product": product,
                "requested_by": by,
                "retry_of": retry_of,
                "operation": wanted.name,
                "account": account,
                "pool": pool,
                "options": dict(options or {}),
                "expected_outputs": wanted.expected_outputs,
                "unit_price": wanted.price.unit,
                "price": wanted.total,
                "price_version": wanted.price.version,
            },
        )
        if is_new:
            _fill(job, by, inputs)
            transaction.on_commit(send_wake_hint, robust=True)
    return job


def retry_job(*, job: Job, by: User, request_key: uuid.UUID) -> Job:
    """Launch a finished job's inputs again, as a job of its own with its own hold.

    Raises what `launch_job` raises, and LaunchRefused while the job is unfinished.
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
        request_key=request_key,
        product=job.product,
        inputs=inputs,
        options=job.options,
        retry_of=job,
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
        hold(
            team=job.team,
            amount=job.price,
            job=str(job.pk),
            actor=by.email,
            price_version=job.price_version,
        )
    record_event(job, actor=by.email)


def _check_product(team: Team, product: Product | None) -> None:
    if product is not None and (product.team_id != team.pk or product.archived_at is not None):
        raise LaunchRefused(_("This product was archived. Choose another one."), "product")


def _check_inputs(
    team: Team,
    product: Product | None,
    account: ProviderAccount,
    operation: Operation,
    inputs: Mapping[str, Asset | Preset],
) -> None:
    known = {entry.name: entry for entry in operation.inputs}
    for name in inputs:
        if name not in known:
            raise LaunchRefused(
                _("%(operation)s takes no input called %(name)s.")
                % {"operation": operation.label, "name": name},
                name,
            )
    for entry in operation.inputs:
        value = inputs.get(entry.name)
        if value is None:
            if entry.required:
                raise LaunchRefused(
                    _("%(input)s is missing. Choose one.") % {"input": entry.label}, entry.name
                )
        elif entry.kind is InputKind.PHOTO:
            _check_photo(team, product, operation, entry, value)
        else:
            _check_preset(account, entry, value)


def _check_photo(
    team: Team,
    product: Product | None,
    operation: Operation,
    entry: Input,
    value: Asset | Preset,
) -> None:
    if not isinstance(value, Asset) or value.team_id != team.pk or value.archived_at is not None:
        raise LaunchRefused(_("This photo was archived. Choose another one."), entry.name)
    if product is not None and value.product_id != product.pk:
        raise LaunchRefused(
            _("This photo belongs to another product. Choose one of this product's photos."),
            entry.name,
        )
    if value.format not in operation.formats:
        raise LaunchRefused(
            _("This photo is a %(format)s file. Upload it as JPEG, PNG or WebP.")
            % {"format": value.get_format_display()},
            entry.name,
        )
    sides = sorted((value.width, value.height))
    shrunk = min(1.0, operation.max_side / sides[1])
    if sides[0] * shrunk < operation.min_side:
        raise LaunchRefused(
            _(
                "This photo is %(width)d by %(height)d pixels, which leaves a shorter side of "
                "%(side)d pixels for the provider. It needs at least %(least)d. Upload a larger "
                "or less narrow photo."
            )
            % {
                "width": value.width,
                "height": value.height,
                "side": int(sides[0] * shrunk),
                "least": operation.min_side,
            },
            entry.name,
        )


def _check_preset(account: ProviderAccount, entry: Input, value: Asset | Preset) -> None:
    if not isinstance(value, Preset) or value.kind != entry.kind:
        raise LaunchRefused(
            _("%(input)s must be chosen from its list.") % {"input": entry.label}, entry.name
        )
    if value.account_id != account.pk or value.withdrawn_at is not None:
        raise LaunchRefused(
            _("%(name)s is no longer offered. Choose another one.") % {"name": value}, entry.name
        )


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
