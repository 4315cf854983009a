"""Credits back for a result that is no good: the team asks, the operator decides, each once.

Both are conditional writes: whoever is second learns what was decided. Readers are told by mail, in
the transaction of the act.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from generation.models import Job, Output, RefundRequest
from teams.audit import record
from teams.credits import AlreadyPosted, RefundTooLarge, refund
from teams.letters import send_letters
from teams.models import LedgerEntry, Membership, User

State = RefundRequest.State


class RefundRefused(Exception):
    """It cannot be done. Nothing happened. Its text is a sentence for people."""


def refundable_until(job: Job) -> datetime | None:
    """Until when credits of the job's results can be asked back; None while it is unfinished."""
    if job.finished_at is None:
        return None
    return job.finished_at + timedelta(days=settings.REFUND_WINDOW_DAYS)


def may_ask(output: Output, job: Job, at: datetime) -> bool:
    """Whether the result's credits can be asked back, if nobody has asked before."""
    return not _objection(output, job, at)


@transaction.atomic
def ask_refund(*, output: Output, by: User, reason: str) -> RefundRequest:
    """Ask the operator for the credits of one delivered and charged result, once per result.

    Raises RefundRefused.
    """
    job = output.job
    if objection := _objection(output, job, now()):
        raise RefundRefused(objection)
    try:
        with transaction.atomic():
            asked = RefundRequest.objects.create(
                team=output.team,
                output=output,
                asked_by=by,
                reason=reason,
                price=job.unit_price,
            )
    except IntegrityError:
        raise RefundRefused(
            _("Credits for this result were asked back already. The answer stands beside it.")
        ) from None
    record(
        team=output.team,
        actor=by,
        action="refund.asked",
        subject=_subject(output),
        credits=asked.price,
        request=str(asked.pk),
    )
    send_letters("refund_asked", _deciders(), _context(asked, operators=True))
    return asked


def grant_refund(*, request: RefundRequest, by: User, amount: int, note: str = "") -> LedgerEntry:
    """Credit `amount` back to the team, at most what the result cost, once.

    Raises RefundRefused, also where other refunds left less of the job than that.
    """
    if not 0 < amount <= request.price:
        raise RefundRefused(
            _("The result cost %(price)d; between 1 and that can be credited back.")
            % {"price": request.price}
        )
    job = str(request.output.job_id)
    try:
        with transaction.atomic():
            _decide(request, State.GRANTED, by, note, amount=amount)
            entry = refund(
                team=request.team,
                amount=amount,
                job=job,
                key=str(request.output_id),
                actor=by.email,
                reason=note or request.reason[:200],
                reference=f"result {request.output.letter}",
            )
            _tell(request, by, "refund.granted", credits=amount, note=note)
    except RefundTooLarge as exc:
        raise RefundRefused(
            ngettext(
                "Of this job %(left)d credit can still be credited back.",
                "Of this job %(left)d credits can still be credited back.",
                exc.left,
            )
            % {"left": exc.left}
        ) from exc
    except AlreadyPosted as exc:
        raise RefundRefused(_("This result was credited back already.")) from exc
    return entry


@transaction.atomic
def decline_refund(*, request: RefundRequest, by: User, note: str) -> None:
    """Say no, and why. Raises RefundRefused when it was decided before."""
    _decide(request, State.DECLINED, by, note)
    _tell(request, by, "refund.declined", note=note)


def _objection(output: Output, job: Job, at: datetime) -> str:
    """Why credits of the result cannot be asked back, as a sentence; "" where they can."""
    until = refundable_until(job)
    if output.state != Output.State.DELIVERED or until is None:
        return _("This result was not delivered, and costs nothing.")
    if not output.charged or not job.unit_price:
        return _("This result was not charged.")
    if output.discarded:
        return _("This result was put aside. Bring it back to review first.")
    if at > until:
        return _(
            "Credits can be asked back within %(days)d days of a job's end. That time is over."
        ) % {"days": settings.REFUND_WINDOW_DAYS}
    return ""


def _decide(
    request: RefundRequest, state: RefundRequest.State, by: User, note: str, *, amount: int = 0
) -> None:
    decided = RefundRequest.objects.filter(pk=request.pk, state=State.OPEN).update(
        state=state,
        amount=amount or None,
        decided_by=by.email,
        decided_at=now(),
        note=note[:200],
    )
    if not decided:
        raise RefundRefused(_in_the_meantime(RefundRequest.objects.get(pk=request.pk)))


def _in_the_meantime(request: RefundRequest) -> str:
    who = User.objects.filter(email=request.decided_by).first() or request.decided_by
    if request.state == State.GRANTED:
        return _("%(who)s has credited %(amount)d back in the meantime.") % {
            "who": who,
            "amount": request.amount,
        }
    return _("%(who)s has declined this request in the meantime.") % {"who": who}


def _tell(request: RefundRequest, by: User, action: str, **data: str | int) -> None:
    """Record the decision and mail it to whoever asked, if they are still in the team."""
    request = RefundRequest.objects.select_related("team", "output__job__product", "asked_by").get(
        pk=request.pk
    )
    record(
        team=request.team,
        actor=by,
        action=action,
        subject=_subject(request.output),
        request=str(request.pk),
        **data,
    )
    asker = request.asked_by
    if asker and Membership.objects.filter(team=request.team, user=asker).exists():
        send_letters("refund_decided", [asker.email], _context(request, operators=False))


def _subject(output: Output) -> str:
    return f"{output.letter} of {output.job_id}"


def _context(request: RefundRequest, *, operators: bool) -> dict[str, object]:
    output = request.output
    if operators:
        page = reverse("admin:generation_refundrequest_change", args=[request.pk])
    else:
        page = reverse("generation:job_detail", args=[request.team.slug, output.job_id])
    return {
        "request": request,
        "team": request.team,
        "asker": request.asked_by,
        "letter": output.letter,
        "title": output.job.product.name if output.job.product else str(output.job_id)[:8],
        "link": settings.BASE_URL + page,
    }


def _deciders() -> list[str]:
    """The addresses of those who may decide."""
    may_decide = Permission.objects.filter(
        codename="refund_credits", content_type__app_label="teams"
    )
    people = User.objects.filter(
        Q(is_superuser=True)
        | Q(is_staff=True, user_permissions__in=may_decide)
        | Q(is_staff=True, groups__permissions__in=may_decide),
        is_active=True,
    )
    return sorted(set(people.values_list("email", flat=True)))
