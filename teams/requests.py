"""Asking for credits: a member asks the team's admins, and the team asks the operator.

A request is decided once, by a conditional update: whoever is second learns who was first. Both
sides are told by mail, in the transaction of the act. A request is locked before any budget.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _

from teams.audit import record
from teams.budget_changes import allow_more
from teams.budget_status import managers, month_of
from teams.credits import grant
from teams.letters import send_letters
from teams.models import CreditRequest, Grant, Membership, Team, User
from teams.movements import lock_account

State = CreditRequest.State
Addressee = CreditRequest.Addressee


class RequestRefused(Exception):
    """It cannot be done. Nothing happened. Its text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the approval of a member's request added to this month, in credits."""

    member: int = 0
    team: int = 0


@transaction.atomic
def ask(*, team: Team, by: User, addressee: str, amount: int, reason: str) -> CreditRequest:
    """Ask for credits. Raises RequestRefused while an earlier request of this person is open."""
    try:
        with transaction.atomic():
            asked = CreditRequest.objects.create(
                team=team, addressee=addressee, asked_by=by, amount=amount, reason=reason
            )
    except IntegrityError:
        raise RequestRefused(
            _("You have an open request. Withdraw it before you ask again.")
        ) from None
    _record(asked, by, "request.made", amount=amount, addressee=addressee)
    if addressee == Addressee.ADMINS:
        readers = [person.email for person in managers(team) if person != by]
        _write("request_made", readers, asked, _page(team))
    else:
        _write("request_made", _operators(), asked, _operators_page(asked))
    return asked


@transaction.atomic
def approve(
    *, request: CreditRequest, by: User, amount: int, note: str = "", at: datetime | None = None
) -> Allowed:
    """Allow a member `amount` credits more this month, and the team what it needs for them.

    For requests to the team's admins. Raises RequestRefused when it was decided before, or when
    the asker is no member any more.
    """
    at = at or now()
    if not Membership.objects.filter(team=request.team, user=request.asked_by).exists():
        raise RequestRefused(_("The person who asked is no longer in the team. Decline it."))
    _decide(request, Addressee.ADMINS, State.APPROVED, by, note, at, amount=amount)
    given = allow_more(team=request.team, member=request.asked_by, amount=amount, at=at)
    allowed = Allowed(member=given.get("member", 0), team=given.get("team", 0))
    _record(
        request,
        by,
        "request.approved",
        amount=amount,
        note=note,
        extra_of_member=allowed.member,
        extra_of_team=allowed.team,
    )
    _answer(request)
    return allowed


@transaction.atomic
def approve_by_operator(
    *,
    request: CreditRequest,
    by: User,
    amount: int,
    note: str = "",
    reference: str = "",
    kind: Grant.Kind = Grant.Kind.PAID,
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> Grant:
    """Grant the team `amount` credits for its request, once.

    For requests to the operator. Raises RequestRefused when it was decided before.
    """
    # Before the request: budgets are set under the account's lock and wait for the team's, and
    # whoever takes a member out has the team's and waits for the request.
    lock_account(request.team)
    _decide(request, Addressee.OPERATOR, State.APPROVED, by, note, now(), amount=amount)
    given = grant(
        team=request.team,
        amount=amount,
        actor=by.email,
        reason=request.reason,
        key=f"request-{request.pk}",
        kind=kind,
        reference=reference,
        effective_at=effective_at,
        expires_at=expires_at,
    )
    _record(request, by, "request.approved", amount=amount, note=note, reference=reference)
    _answer(request)
    return given


@transaction.atomic
def decline(*, request: CreditRequest, by: User, note: str = "") -> None:
    """Say no, with a note if wanted. Raises RequestRefused when it was decided before.

    Whom the request was sent to decides: the caller has checked that `by` is one of them.
    """
    _decide(request, request.addressee, State.DECLINED, by, note, now())
    _record(request, by, "request.declined", note=note)
    _answer(request)


@transaction.atomic
def withdraw(*, request: CreditRequest, by: User) -> None:
    """Take one's own request back. Raises RequestRefused for others' and for decided ones."""
    if request.asked_by_id != by.pk:
        raise RequestRefused(_("Only the person who asked can withdraw a request."))
    try:
        _decide(request, request.addressee, State.WITHDRAWN, by, "", now())
    except RequestRefused:
        if request.addressee != Addressee.OPERATOR or request.state == State.WITHDRAWN:
            raise
        # To a team an operator has no name.
        raise RequestRefused(_("The operator has decided this request in the meantime.")) from None
    _record(request, by, "request.withdrawn")


def withdraw_all(*, team: Team, member: User, by: User) -> None:
    """Close the open requests of somebody who leaves the team, in that transaction."""
    for request in CreditRequest.objects.filter(team=team, asked_by=member, state=State.OPEN):
        with suppress(RequestRefused):  # Somebody has just decided it.
            _decide(request, request.addressee, State.WITHDRAWN, by, "", now())
            _record(request, by, "request.withdrawn")


def count_open(team: Team) -> int:
    """Requests that wait for the team's admins."""
    return CreditRequest.objects.filter(
        team=team, addressee=Addressee.ADMINS, state=State.OPEN
    ).count()


def _decide(
    request: CreditRequest,
    addressee: str,
    state: CreditRequest.State,
    by: User,
    note: str,
    at: datetime,
    *,
    amount: int | None = None,
) -> None:
    decided = CreditRequest.objects.filter(
        pk=request.pk, addressee=addressee, state=State.OPEN
    ).update(
        state=state, decided_by=by.email, decided_at=at, note=note[:200], approved_amount=amount
    )
    request.refresh_from_db(fields=["state", "decided_by", "decided_at", "note", "approved_amount"])
    if not decided:
        raise RequestRefused(_in_the_meantime(request))


def decision_words(request: CreditRequest) -> str:
    """Who decided a request, and when, in the reader's time zone; "" while it is open."""
    texts: dict[str, str] = {
        State.APPROVED: _("%(who)s approved this request on %(when)s."),
        State.DECLINED: _("%(who)s declined this request on %(when)s."),
        State.WITHDRAWN: _("%(who)s withdrew this request on %(when)s."),
    }
    if request.state not in texts or request.decided_at is None:
        return ""
    who = User.objects.filter(email=request.decided_by).first() or request.decided_by
    when = date_format(localtime(request.decided_at), "DATETIME_FORMAT")
    return texts[request.state] % {"who": who, "when": when}


def _in_the_meantime(request: CreditRequest) -> str:
    who = User.objects.filter(email=request.decided_by).first() or request.decided_by
    if request.state == State.APPROVED:
        return _("%(who)s has approved this request in the meantime.") % {"who": who}
    if request.state == State.DECLINED:
        return _("%(who)s has declined this request in the meantime.") % {"who": who}
    if request.state == State.WITHDRAWN:
        return _("%(who)s has withdrawn this request in the meantime.") % {"who": who}
    return _("Others decide about this request.")


def _record(request: CreditRequest, by: User, action: str, **data: Any) -> None:
    asker = request.asked_by
    record(
        team=request.team,
        actor=by,
        action=action,
        subject=asker.email if asker else "",
        request=str(request.pk),
        **data,
    )


def _answer(request: CreditRequest) -> None:
    """Tell the asker; of the operator's answer to the team also its other admins."""
    readers = [request.asked_by.email] if request.asked_by else []
    if request.addressee == Addressee.OPERATOR:
        readers += [person.email for person in managers(request.team)]
    _write("request_decided", dict.fromkeys(readers), request, _page(request.team))


def _write(template: str, readers: Iterable[str], request: CreditRequest, link: str) -> None:
    by = User.objects.filter(email=request.decided_by).first() if request.decided_by else None
    is_of_operator = request.addressee == Addressee.OPERATOR
    context = {
        "request": request,
        "team": request.team,
        "asker": request.asked_by,
        "by": "" if is_of_operator else by or request.decided_by,
        "is_of_operator": is_of_operator,
        "month": request.decided_at and month_of(request.team, request.decided_at),
        "link": link,
    }
    send_letters(template, readers, context)


def _page(team: Team) -> str:
    return settings.BASE_URL + reverse("teams:credits_requests", args=[team.slug])


def _operators_page(request: CreditRequest) -> str:
    return settings.BASE_URL + reverse("admin:teams_creditrequest_change", args=[request.pk])


def _operators() -> list[str]:
    """The addresses of those who may grant credits."""
    may_grant = Permission.objects.filter(codename="grant_credits", content_type__app_label="teams")
    people = User.objects.filter(
        Q(is_superuser=True)
        | Q(is_staff=True, user_permissions__in=may_grant)
        | Q(is_staff=True, groups__permissions__in=may_grant),
        is_active=True,
    )
    return sorted(set(people.values_list("email", flat=True)))
