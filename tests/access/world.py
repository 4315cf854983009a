"""Everybody and one of everything, and how each address is asked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils.timezone import now

from catalog.models import Upload
from generation.models import (
    Attempt,
    Job,
    Preset,
    PriceRule,
    ProviderAccount,
    Reconciliation,
    RefundRequest,
)
from teams.audit import record
from teams.models import (
    AuditEntry,
    CreditRequest,
    Grant,
    Invitation,
    LedgerCheck,
    LedgerEntry,
    Membership,
    OutgoingMail,
    PendingAdjustment,
    Role,
    User,
)
from tests.access import table
from tests.factories import add_member, deliver_swap, make_team, make_user, owner_of
from tests.second_factor import set_up, sign_in_with_code

SIGN_IN = "/accounts/login/"


def addresses() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each named address with the names of what it needs, e.g. ("teams:leave", ("team_slug",))."""

    def walk(resolver: URLResolver, space: str, given: tuple[str, ...]) -> Iterator[Any]:
        for entry in resolver.url_patterns:
            needs = (*given, *entry.pattern.converters, *entry.pattern.regex.groupindex)
            if isinstance(entry, URLResolver):
                inner = f"{space}{entry.namespace}:" if entry.namespace else space
                yield from walk(entry, inner, needs)
            else:
                yield f"{space}{entry.name or ''}", tuple(dict.fromkeys(needs))

    yield from walk(get_resolver(), "", ())


ALL = dict(addresses())
IN_ADMIN = {name.removeprefix("admin:"): needs for name, needs in ALL.items() if "admin:" in name}
_ROW = re.compile(r"(?P<model>\w+)_(?P<page>changelist|add|history|delete|change)")


class World:
    """A team with one of everything, its members by role, and the clients of everybody."""

    def __init__(self) -> None:
        self.team = make_team("Atelier", credits_=100)
        owner = owner_of(self.team)
        self.people: dict[str, User] = {Role.OWNER: owner}
        for role in (Role.ADMIN, Role.CREATOR, Role.REVIEWER, Role.VIEWER):
            self.people[role] = add_member(self.team, role)
        leaver = add_member(self.team, Role.VIEWER)
        stranger = make_user("stranger@example.com")
        make_team("Elsewhere", owner=stranger)
        self.clients: dict[str, Client] = {role: Client() for role in self.people}
        for who, person in self.people.items():
            self.clients[who].force_login(person)
        self.clients["stranger"] = Client()
        self.clients["stranger"].force_login(stranger)
        self.clients["nobody"] = Client()
        job = deliver_swap(self.team)
        output = job.outputs.order_by("index")[0]
        assert job.product
        assert job.product.primary_photo
        invitation = Invitation.objects.create(
            team=self.team, email="x@example.com", secret_hash="x", expires_at=now() + timedelta(1)
        )
        upload = Upload.objects.create(
            team=self.team, product=job.product, name="a.jpg", bytes=9, key="a", created_by=owner
        )
        wish = CreditRequest.objects.create(
            team=self.team, asked_by=owner, addressee="admins", amount=5, reason="x"
        )
        self.objects: dict[str, object] = {
            "team_slug": self.team.slug,
            "product_id": job.product.pk,
            "photo_id": job.product.primary_photo.pk,
            "upload_id": upload.pk,
            "job_id": job.pk,
            "output_id": output.pk,
            "invitation_id": invitation.pk,
            "membership_id": Membership.objects.get(user=leaver).pk,
            "request_id": wish.pk,
        }

    def path(self, name: str) -> str:
        path = reverse(name, kwargs={need: self.objects[need] for need in ALL[name]})
        return f"{path}?{table.QUERIES[name]}" if name in table.QUERIES else path


class Office:
    """One row of everything that the admin shows, and operators with one permission each."""

    def __init__(self) -> None:
        self.team = make_team("Atelier", credits_=10)
        job = deliver_swap(self.team)
        person = make_user("person@example.com")
        mail = OutgoingMail.objects.create(recipients=["x@example.com"], subject="x", message="x")
        Invitation.objects.create(
            team=self.team, email="x@example.com", secret_hash="x", expires_at=now()
        )
        record(team=self.team, actor=person, action="team.changed")
        Attempt.objects.get_or_create(job=job, number=9, defaults={"started_at": now()})
        assert job.product
        assert job.product.primary_photo
        Upload.objects.create(
            team=self.team, product=job.product, name="a.jpg", bytes=9, key="a", created_by=person
        )
        refund = RefundRequest.objects.create(
            team=self.team, output=job.outputs.all()[0], price=2, reason="x"
        )
        wish = CreditRequest.objects.create(
            team=self.team, asked_by=person, addressee="operator", amount=5, reason="x"
        )
        correction = PendingAdjustment.objects.create(
            team=self.team, amount=5, reason="x", asked_by="another@example.com"
        )
        report = Reconciliation.objects.create(account=job.account, day=now().date(), expected=4)
        grant = Grant.objects.get(account__team=self.team)
        self.rows = {
            "auth_group": Group.objects.create(name="Bookkeepers").pk,
            "catalog_asset": job.product.primary_photo.pk,
            "catalog_product": job.product.pk,
            "catalog_upload": Upload.objects.get().pk,
            "generation_attempt": Attempt.objects.filter(job=job)[0].pk,
            "generation_job": job.pk,
            "generation_preset": Preset.objects.all()[0].pk,
            "generation_pricerule": PriceRule.objects.create(percent=100, actor="x").pk,
            "generation_provideraccount": ProviderAccount.objects.all()[0].pk,
            "generation_reconciliation": report.pk,
            "generation_refundrequest": refund.pk,
            "teams_auditentry": AuditEntry.objects.all()[0].pk,
            "teams_creditaccount": self.team.credit_account.pk,
            "teams_creditrequest": wish.pk,
            "teams_grant": grant.pk,
            "teams_ledgercheck": LedgerCheck.objects.create(seconds=1, entries=1).pk,
            "teams_pendingadjustment": correction.pk,
            "teams_invitation": Invitation.objects.get().pk,
            "teams_ledgerentry": LedgerEntry.objects.for_team(self.team)[0].pk,
            "teams_outgoingmail": mail.pk,
            "teams_team": self.team.pk,
            "teams_user": person.pk,
        }
        self.objects: dict[str, object] = {
            "account_id": self.rows["generation_provideraccount"],
            "app_label": "teams",
            "asked_id": correction.pk,
            "grant_id": grant.pk,
            "request_id": wish.pk,
            "id": person.pk,
            "job_id": Job.objects.get(pk=job.pk).pk,
            "mail_id": mail.pk,
            "refund_id": refund.pk,
            "rule_id": self.rows["generation_pricerule"],
            "team_id": self.team.pk,
            "user_id": person.pk,
        }
        self._operators: dict[str, Client] = {}

    def operator(self, permission: str) -> Client:
        """An operator with this one permission; "" for none, "superuser" for all."""
        if permission not in self._operators:
            person = User.objects.create_user(f"{uuid.uuid4().hex}@example.com", is_staff=True)
            if permission == "superuser":
                User.objects.filter(pk=person.pk).update(is_superuser=True)
            elif permission:
                app, codename = permission.split(".")
                person.user_permissions.add(
                    Permission.objects.get(content_type__app_label=app, codename=codename)
                )
            set_up(person)
            client = Client()
            sign_in_with_code(client, person)
            self._operators[permission] = client
        return self._operators[permission]

    def path(self, page: str) -> str:
        row = _ROW.fullmatch(page)
        if row and page not in table.ADMIN_PAGES:
            needs = {"object_id": self.rows[row["model"]]} if IN_ADMIN[page] else {}
        else:
            needs = {need: self.objects[need] for need in IN_ADMIN[page]}
        return reverse(f"admin:{page}", kwargs=needs)


def ask(client: Client, method: str, path: str) -> HttpResponseBase:
    """The answer; whatever the request did is undone."""
    with transaction.atomic():
        answer = client.generic(method, path) if method == "GET" else client.post(path)
        transaction.set_rollback(True)
    return answer


def verdict(answer: HttpResponseBase) -> str:
    """What became of a request: "let in", "403", "404", "sign in" or "second step"."""
    location = answer.get("Location", "")
    if location.startswith(SIGN_IN):
        return "sign in"
    if location.startswith("/accounts/2fa/"):
        return "second step"
    if answer.status_code in (403, 404, 405) or answer.status_code >= 500:
        return str(answer.status_code)
    return "let in"
