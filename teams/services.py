"""What people do to teams: found them, invite, join, change roles, leave.

Every change is recorded in the audit trail in the transaction that makes it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.text import slugify
from django.utils.timezone import now
from django.utils.translation import gettext as _

from teams.access import Right, may
from teams.audit import record
from teams.budget_changes import forget_member
from teams.models import CreditAccount, Invitation, Membership, Role, Team, User
from teams.requests import withdraw_all

INVITATION_DAYS = 7
#: The founding owner's link: nobody in the team could send another.
OWNER_INVITATION_DAYS = 30
_SLUG_LENGTH = 50


class TeamRefused(Exception):
    """The change is not allowed. Nothing happened. Its text is a sentence for people."""

    @property
    def sentence(self) -> str:
        """Why, for the person who asked."""
        return str(self)


class InvitationInvalid(Exception):
    """No such invitation, or it was used, taken back or is too old. Nothing happened."""


@dataclass(frozen=True)
class Founding:
    """A team handed to the person behind an address, and how that owner gets in.

    `owner` is None while an invitation is open; its `invitation_link` was mailed, and is kept here
    only where no mail server is set. An owner with `needs_password` gets in by
    `set_password_link`, which `send_welcome` mails.
    """

    team: Team
    owner: User | None
    needs_password: bool = False
    invitation_link: str = ""


@transaction.atomic
def create_team(*, name: str, owner: User, slug: str = "", actor: User | str = "") -> Team:
    """Found a team with its owner and an empty credit account.

    A wished slug that is taken raises TeamRefused; without a wish one is made from the name.
    """
    team = _found(name, slug, actor=actor or owner, owner_email=owner.email)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    return team


@transaction.atomic
def create_team_for(*, name: str, owner_email: str, actor: User | str, slug: str = "") -> Founding:
    """Found a team for the person behind an address. Raises TeamRefused as `create_team` does.

    An account that somebody set a password for without ever proving the address may be an
    impostor's: its address gets an invitation to own the team instead. The mailbox decides.
    """
    email = owner_email.strip().lower()
    team = _found(name, slug, actor=actor, owner_email=email)
    return _hand_over(team, email, actor)


@transaction.atomic
def name_owner(*, team: Team, owner_email: str, actor: User | str) -> Founding:
    """Give a team that nobody owns to the person behind an address, as `create_team_for` does.

    Open invitations to own it are taken back. Raises TeamRefused where somebody owns the team:
    owners make owners.
    """
    team = _lock(team)
    if Membership.objects.filter(team=team, role=Role.OWNER).exists():
        raise TeamRefused(_("This team has an owner. Owners can add further owners."))
    team.invitations.open().filter(role=Role.OWNER).update(revoked_at=now())
    email = owner_email.strip().lower()
    record(team=team, actor=actor, action="owner.named", subject=email)
    return _hand_over(team, email, actor)


def _hand_over(team: Team, email: str, actor: User | str) -> Founding:
    owner = User.objects.filter(email__iexact=email).first() or User.objects.create_user(email)
    has_password = owner.has_usable_password()
    if owner.email_proved or not has_password:
        Membership.objects.update_or_create(team=team, user=owner, defaults={"role": Role.OWNER})
        return Founding(team, owner, needs_password=not has_password)
    invitation, link = _invite(
        team, email, Role.OWNER, by=None, actor=actor, days=OWNER_INVITATION_DAYS
    )
    return Founding(team, None, invitation_link=link if invitation.link_shown else "")


def _found(name: str, slug: str, *, actor: User | str, owner_email: str) -> Team:
    team = _insert_team(name, slug)
    CreditAccount.objects.create(team=team)
    record(team=team, actor=actor, action="team.created", subject=name, owner=owner_email)
    return team


def _insert_team(name: str, slug: str) -> Team:
    wished = slugify(slug)[:_SLUG_LENGTH]
    stem = wished or slugify(name)[: _SLUG_LENGTH - 8].strip("-") or "team"
    for number in range(1, 50):
        candidate = stem if number == 1 else f"{stem}-{number}"
        try:
            with transaction.atomic():
                return Team.objects.create(name=name, slug=candidate)
        except IntegrityError:
            if wished:
                raise TeamRefused(_("This address is taken by another team.")) from None
    with transaction.atomic():
        return Team.objects.create(name=name, slug=f"{stem}-{secrets.token_hex(3)}")


@transaction.atomic
def invite_member(*, team: Team, by: User, email: str, role: str) -> tuple[Invitation, str]:
    """Invite one person and mail them the link; returns the invitation and the link.

    The link is the only place that holds the secret. Show it to the inviter only if
    `invitation.link_shown`: without a mail server somebody must carry it, and then it proves no
    address. An open invitation of the same address is replaced. Raises TeamRefused for members of
    the team and for roles above the inviter's own.
    """
    _require_rank(team, by, role)
    email = email.strip().lower()
    if Membership.objects.filter(team=team, user__email__iexact=email).exists():
        raise TeamRefused(_("%(email)s is already a member of this team.") % {"email": email})
    return _invite(team, email, role, by=by, actor=by, days=INVITATION_DAYS)


@transaction.atomic
def resend_invitation(*, invitation: Invitation, by: User) -> tuple[Invitation, str]:
    """Mail a pending or expired invitation anew, with a new link and all its days again.

    The former link ends: its secret is kept nowhere. Raises TeamRefused as `invite_member` does,
    and for an invitation that was used or taken back.
    """
    ended = Invitation.objects.pending().filter(pk=invitation.pk).update(revoked_at=now())
    if not ended:
        raise TeamRefused(_("This invitation was already used or taken back."))
    return invite_member(team=invitation.team, by=by, email=invitation.email, role=invitation.role)


def _invite(
    team: Team, email: str, role: str, *, by: User | None, actor: User | str, days: int
) -> tuple[Invitation, str]:
    team.invitations.open().filter(email=email).update(revoked_at=now())
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        team=team,
        email=email,
        role=role,
        secret_hash=_hash(secret),
        link_shown=not settings.EMAIL_HOST,
        invited_by=by,
        expires_at=now() + timedelta(days=days),
    )
    record(team=team, actor=actor, action="invitation.created", subject=email, role=role)
    link = settings.BASE_URL + reverse("teams:invitation", args=[secret])
    inviter = by.get_full_name() if by else ""
    context = {"team": team, "inviter": inviter, "link": link, "days": days}
    _send("invitation", email, context)
    return invitation, link


def send_welcome(*, user: User, team: Team) -> None:
    """Mail the owner of a new team the link by which they set their first password."""
    _send("welcome", user.email, {"team": team, "link": set_password_link(user)})


def _send(template: str, to: str, context: dict[str, Any]) -> None:
    subject = render_to_string(f"teams/email/{template}_subject.txt", context)
    body = render_to_string(f"teams/email/{template}_message.txt", context)
    EmailMessage(subject=" ".join(subject.split()), body=body, to=[to]).send()


def find_invitation(secret: str) -> Invitation:
    """The open invitation behind a link. Raises InvitationInvalid."""
    invitation = (
        Invitation.objects.open()
        .select_related("team", "invited_by")
        .filter(secret_hash=_hash(secret), team__closing_at=None)
        .first()
    )
    if invitation is None:
        raise InvitationInvalid
    return invitation


@transaction.atomic
def accept_invitation(*, secret: str, user: User) -> Membership:
    """Join the team, once. Who is a member already keeps their role. Raises InvitationInvalid."""
    invitation = find_invitation(secret)
    taken = (
        Invitation.objects.open()
        .filter(pk=invitation.pk)
        .update(accepted_at=now(), accepted_by=user)
    )
    if not taken:
        raise InvitationInvalid
    if not invitation.link_shown and user.email.lower() == invitation.email:
        prove_email(user)
    membership, _joined = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    record(
        team=invitation.team,
        actor=user,
        action="invitation.accepted",
        subject=invitation.email,
        role=membership.role,
    )
    return membership


@transaction.atomic
def accept_as_new_user(*, secret: str, name: str, password: str) -> Membership:
    """Make an account for the invited address and join with it.

    Raises InvitationInvalid, and TeamRefused where the address has an account: that person signs
    in to accept, since the link alone must not open somebody's account.
    """
    invitation = find_invitation(secret)
    try:
        with transaction.atomic():
            user = User.objects.create_user(invitation.email, password, name=name)
    except IntegrityError:
        raise TeamRefused(_("This address has an account. Sign in to join the team.")) from None
    return accept_invitation(secret=secret, user=user)


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: User) -> bool:
    """Take an open invitation back. False when it was used or taken back before."""
    revoked = Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=now()) == 1
    if revoked:
        record(
            team=invitation.team, actor=by, action="invitation.revoked", subject=invitation.email
        )
    return revoked


@transaction.atomic
def change_role(*, membership: Membership, by: User, role: str) -> None:
    """Give a member another role.

    Raises TeamRefused when an owner's place is touched by somebody who is none, or when the team
    would be left without an owner.
    """
    team = _lock(membership.team)
    before = _present_role(membership)
    if role == before:
        return
    _require_rank(team, by, role, before)
    if before == Role.OWNER:
        _require_other_owner(team, membership)
    Membership.objects.filter(pk=membership.pk).update(role=role)
    membership.role = role
    if not may(membership, Right.MANAGE_TEAM):
        _revoke_invitations_of(membership)
    record(
        team=team,
        actor=by,
        action="member.role_changed",
        subject=membership.user.email,
        before=before,
        after=role,
    )


@transaction.atomic
def update_team(
    *, team: Team, by: User, name: str, time_zone: str, owners_need_2fa: bool | None = None
) -> None:
    """Change a team's name and time zone. Its address stays: links to it are out in the world.

    `owners_need_2fa` is for owners to decide; None leaves it. Raises TeamRefused for others.
    """
    present = _lock(team)
    if owners_need_2fa is not None and owners_need_2fa != present.owners_need_2fa:
        _require_rank(team, by, Role.OWNER)
        Team.objects.filter(pk=team.pk).update(owners_need_2fa=owners_need_2fa)
        record(
            team=team,
            actor=by,
            action="team.second_factor",
            subject=name,
            owners_need_it=owners_need_2fa,
        )
    if (name, time_zone) == (present.name, present.time_zone):
        return
    Team.objects.filter(pk=team.pk).update(name=name, time_zone=time_zone)
    record(
        team=team,
        actor=by,
        action="team.changed",
        subject=name,
        former_name=present.name,
        time_zone=time_zone,
        former_time_zone=present.time_zone,
    )


@transaction.atomic
def remove_member(*, membership: Membership, by: User) -> None:
    """Take a member, or oneself, out of the team. Their work stays.

    Raises TeamRefused as `change_role` does.
    """
    team = _lock(membership.team)
    role = _present_role(membership)
    if by != membership.user:
        _require_rank(team, by, role)
    if role == Role.OWNER:
        _require_other_owner(team, membership)
    _revoke_invitations_of(membership)
    # Requests before budgets, as approvals lock them.
    withdraw_all(team=team, member=membership.user, by=by)
    forget_member(team=team, member=membership.user, by=by)
    Membership.objects.filter(pk=membership.pk).delete()
    action = "member.left" if by == membership.user else "member.removed"
    record(team=team, actor=by, action=action, subject=membership.user.email, role=role)


def set_password_link(user: User) -> str:
    """A link by which the person sets a password, once, within PASSWORD_RESET_TIMEOUT seconds."""
    path = reverse(
        "account_reset_password_from_key",
        kwargs={
            "uidb36": user_pk_to_url_str(user),
            "key": default_token_generator.make_token(user),
        },
    )
    return f"{settings.BASE_URL}{path}"


def prove_email(user: User) -> None:
    """Note that the person came by a link which only the mailbox of their address got."""
    User.objects.filter(pk=user.pk).update(email_proved=True)
    user.email_proved = True


def _lock(team: Team) -> Team:
    # Two owners who demote each other at once would each still see the other as owner.
    # Not the whole row's lock: who writes a row that belongs to the team needs not wait.
    return Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def _present_role(membership: Membership) -> str:
    present = Membership.objects.filter(pk=membership.pk).first()
    if present is None:
        raise TeamRefused(_("This person is no longer a member of the team."))
    return present.role


def _require_rank(team: Team, by: User, *roles: str) -> None:
    """Only owners make and unmake owners."""
    if Role.OWNER not in roles:
        return
    if not Membership.objects.filter(team=team, user=by, role=Role.OWNER).exists():
        raise TeamRefused(_("Only an owner can add, change or remove owners."))


def _require_other_owner(team: Team, membership: Membership) -> None:
    owners = Membership.objects.filter(team=team, role=Role.OWNER)
    if not owners.exclude(pk=membership.pk).exists():
        raise TeamRefused(_("A team needs an owner. Make somebody else an owner first."))


def _revoke_invitations_of(membership: Membership) -> None:
    # Whoever loses the right to invite may still hold a link they made.
    Invitation.objects.open().filter(team=membership.team, invited_by=membership.user).update(
        revoked_at=now()
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
