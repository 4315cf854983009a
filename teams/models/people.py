"""Users, teams, memberships, invitations and the audit trail."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Case, Count, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from teams.zones import validate_zone


class UserManager(BaseUserManager["User"]):
    """Makes users whose name is their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user; without a password the account cannot sign in until it sets one.

        Addresses are kept in lower case: people type them in any.
        """
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create an operator: may enter the admin and grant credits. The shell vouches for them."""
        fields.setdefault("email_proved", True)
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Find by e-mail, whatever its case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by e-mail and password."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("Like the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    email = models.EmailField(_("e-mail address"), max_length=254, unique=True)
    # Anybody may open an account under anybody's address, where sign-up is open or an admin of a
    # team sees the links of invitations. Only a mailed link shows that the mailbox is theirs.
    email_proved = models.BooleanField(
        _("address proved"),
        default=False,
        editable=False,
        help_text=_("They came by a link that only the mailbox of this address got."),
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    is_staff = models.BooleanField(_("operator"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    joined_at = models.DateTimeField(default=now, editable=False)
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        validators=[validate_zone],
        help_text=_("Empty: the time zone of the team."),
    )
    theme = models.CharField(max_length=6, choices=Theme, default=Theme.SYSTEM)
    shortcuts_enabled = models.BooleanField(_("keyboard shortcuts"), default=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="teams_user_email_once_in_any_case")
        ]

    def __str__(self) -> str:
        return self.get_full_name()

    def get_full_name(self) -> str:
        """The name, or the e-mail address of people who gave none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """The first word of the name."""
        return self.get_full_name().split()[0] if self.get_full_name() else ""


class TeamQuerySet(models.QuerySet["Team"]):
    """Reads of teams."""

    def for_user(self, user: User) -> TeamQuerySet:
        """The teams this person is a member of, without closed ones."""
        return self.filter(memberships__user=user, closed_at=None)

    def closing(self) -> TeamQuerySet:
        """Those that wait for their last jobs to be closed."""
        return self.filter(closing_at__isnull=False, closed_at=None)

    def with_balance(self) -> TeamQuerySet:
        """Join the credit account, so that `team.credit_account` costs no further query."""
        return self.select_related("credit_account")

    def with_member_count(self) -> TeamQuerySet:
        """Add `member_count`."""
        members = Membership.objects.filter(team=OuterRef("pk")).order_by().values("team")
        counts = members.annotate(count=Count("pk")).values("count")
        return self.annotate(member_count=Coalesce(Subquery(counts), 0))

    def with_owned(self) -> TeamQuerySet:
        """Add `is_owned`: whether anybody owns the team."""
        owners = Membership.objects.filter(team=OuterRef("pk"), role=Role.OWNER)
        return self.annotate(is_owned=Exists(owners))


class Team(models.Model):
    """An organisation that owns products, jobs and credits. Its slug is part of every address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_zone])
    storage_bytes = models.BigIntegerField(
        default=0, editable=False, help_text=_("Bytes of originals and results kept.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    owners_need_2fa = models.BooleanField(
        _("owners need a second factor"), default=False, db_default=False
    )
    # A suspended team can look and take its pictures with it, and spends nothing. One that is being
    # closed waits for its last jobs. A closed one is gone for its members; its ledger stays.
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    suspended_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    closing_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        permissions = [
            ("suspend_team", _("Can suspend teams and let them work again")),
            ("close_team", _("Can close teams")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(storage_bytes__gte=0), name="teams_team_storage_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(suspended_at__isnull=False),
                name="teams_team_closed_is_suspended",
            ),
            models.CheckConstraint(
                condition=Q(closing_at=None) | Q(suspended_at__isnull=False),
                name="teams_team_closing_is_suspended",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The team's products."""
        return reverse("catalog:product_list", args=[self.slug])

    @property
    def standing(self) -> str:
        """Why the team starts nothing new, as a sentence for its members; "" where it may."""
        if self.suspended_at is None:
            return ""
        if self.closing_at is not None:
            return gettext(
                "This team is being closed. Download what you need; nothing new can be started."
            )
        if self.suspended_reason:
            return gettext(
                "This team is suspended (%(reason)s). It can look, decide and download, and "
                "starts nothing new. Ask the operator."
            ) % {"reason": self.suspended_reason}
        return gettext(
            "This team is suspended. It can look, decide and download, and starts nothing new. "
            "Ask the operator."
        )


class Role(models.TextChoices):
    """What a member may do; `teams/access.py` holds the table of rights."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    CREATOR = "creator", _("Creator")
    REVIEWER = "reviewer", _("Reviewer")
    VIEWER = "viewer", _("Viewer")


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Reads of memberships."""

    def for_switcher(self, user: User) -> MembershipQuerySet:
        """A person's memberships by team name, with each team and its balance; no closed teams."""
        return (
            self.filter(user=user, team__closed_at=None)
            .select_related("team", "team__credit_account")
            .order_by("team__name")
        )

    def by_rank(self) -> MembershipQuerySet:
        """Owners first, viewers last, then by name; with the people. Adds `rank`."""
        rank = Case(
            *(When(role=role, then=Value(place)) for place, role in enumerate(Role.values)),
            output_field=models.IntegerField(),
        )
        ranked = self.select_related("user").annotate(rank=rank)
        return ranked.order_by("rank", "user__name", "user__email")

    def after(self, member: Membership) -> MembershipQuerySet:
        """Of `by_rank`, those that come after this one."""
        rank, person = Role.values.index(member.role), member.user
        same_name = Q(user__name=person.name, user__email__gt=person.email)
        same_rank = Q(rank=rank) & (Q(user__name__gt=person.name) | same_name)
        return self.filter(Q(rank__gt=rank) | same_rank)

    def matching(self, text: str) -> MembershipQuerySet:
        """Those whose name or address has the text in it, whatever its case."""
        return self.filter(Q(user__name__icontains=text) | Q(user__email__icontains=text))

    def names_in(self, team: Team, addresses: set[str]) -> dict[str, str]:
        """What to call those who have the addresses, as far as known, on the pages of the team.

        Members by their names; operators who are none are the operator, whoever it was.
        """
        members = self.filter(team=team, user=OuterRef("pk"))
        known = User.objects.filter(Exists(members) | Q(is_staff=True), email__in=addresses)
        return {
            person.email: person.get_full_name() if person.is_member else gettext("The operator")
            for person in known.annotate(is_member=Exists(members))
        }


class Membership(models.Model):
    """One person in one team, with a role."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.CREATOR)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="teams_membership_once"),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="teams_membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Reads of invitations."""

    def open(self) -> InvitationQuerySet:
        """Those that can still be accepted."""
        return self.pending().filter(expires_at__gt=now())

    def pending(self) -> InvitationQuerySet:
        """Those that nobody used and nobody took back, too old ones as well."""
        return self.filter(accepted_at=None, revoked_at=None)


class Invitation(models.Model):
    """A link by which one person may join a team once. Only the hash of its secret is kept."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Role, default=Role.CREATOR)
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    link_shown = models.BooleanField(
        default=False, help_text=_("Others than the mailbox saw the link: it proves no address.")
    )
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="teams_invitation_role_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.team}"

    @property
    def is_expired(self) -> bool:
        """Whether it is too old to be accepted."""
        return self.expires_at <= now()


class AuditEntry(models.Model):
    """Who did what of consequence: roles, invitations, credits, settings. Written, never changed."""

    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="audit_entries")
    actor = models.CharField(max_length=254, help_text=_("Text, so that people can be erased."))
    action = models.CharField(max_length=50)
    subject = models.CharField(max_length=254, blank=True)
    data = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(
        null=True, blank=True, help_text=_("Where the request came from; empty: from no request.")
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["team", "-at"], name="teams_audit_by_team")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.subject}"
