"""Every address as every role, as a stranger and as nobody, against the table of rights.

The addresses are found by walking the resolver, so that a new one cannot be forgotten. Whatever a
request does is rolled back, so that one set-up serves them all.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils.timezone import now

from catalog.models import Upload
from generation.models import Attempt, Job, Preset, PriceRule, ProviderAccount, RefundRequest
from teams.access import RIGHTS, WITHHELD_WHEN_SUSPENDED, Right
from teams.audit import record
from teams.models import (
    AuditEntry,
    CreditRequest,
    Invitation,
    LedgerEntry,
    Membership,
    OutgoingMail,
    Role,
    Team,
    User,
)
from tests.access import table
from tests.factories import add_member, deliver_swap, make_team, make_user, owner_of
from tests.second_factor import set_up, sign_in_with_code

pytestmark = pytest.mark.django_db

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


def test_every_address_stands_in_the_table():
    outside = {name for name in ALL if not name.startswith("admin:")}
    in_team = {name for name in outside if "team_slug" in ALL[name]}
    assert in_team == set(table.TEAM), "Write new addresses into tests/access/table.py."
    assert outside - in_team == set(table.OUTSIDE)
    # Without a name: Django's redirects from old addresses of rows, and its catch-all.
    pages = set(IN_ADMIN) - table.ADMIN_DOORS - {""}
    models = {
        f"{model}_{page}"
        for model in table.ADMIN_MODELS
        for page in ("changelist", "add", "history", "delete", "change")
    }
    assert pages == models | set(table.ADMIN_PAGES)


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


def in_team() -> Iterator[tuple[str, str, Right]]:
    for name, (methods, right) in table.TEAM.items():
        for method in methods.split():
            yield name, method, right


def test_each_role_reaches_exactly_what_the_table_gives_it():
    world = World()
    wrong = []
    for name, method, right in in_team():
        for who, client in world.clients.items():
            wanted = {"stranger": "404", "nobody": "sign in"}.get(who, "")
            if not wanted:
                wanted = "let in" if right in RIGHTS[who] else "403"
                if wanted == "let in" and name in table.ONES_OWN and who != Role.OWNER:
                    wanted = "404"
            got = verdict(ask(client, method, world.path(name)))
            if got != wanted:
                wrong.append(f"{method} {name} as {who}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def test_a_suspended_team_keeps_what_the_table_leaves_it_and_a_closed_one_nothing():
    world = World()
    owner = world.clients[Role.OWNER]
    wrong = []
    for state in ("suspended", "closed"):
        at = now()
        closed_at = at if state == "closed" else None
        Team.objects.filter(pk=world.team.pk).update(
            suspended_at=at, closing_at=closed_at, closed_at=closed_at
        )
        for name, method, right in in_team():
            wanted = "403" if right in WITHHELD_WHEN_SUSPENDED else "let in"
            if state == "closed":
                wanted = "404"
            got = verdict(ask(owner, method, world.path(name)))
            if got != wanted:
                wrong.append(f"{method} {name}, {state}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def test_an_owner_without_the_demanded_second_step_reaches_nothing_but_the_way_out():
    world = World()
    Team.objects.filter(pk=world.team.pk).update(owners_need_2fa=True)
    wrong = []
    for name, method, _right in in_team():
        wanted = "second step" if method == "GET" else "403"
        if name in table.WITHOUT_SECOND_STEP:
            wanted = "let in"
        got = verdict(ask(world.clients[Role.OWNER], method, world.path(name)))
        if got != wanted:
            wrong.append(f"{method} {name}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def test_addresses_outside_teams_are_open_only_as_the_table_says():
    stranger, nobody = Client(), Client()
    stranger.force_login(make_user())
    wrong = []
    for name, wanted in table.OUTSIDE.items():
        path = reverse(name, kwargs=dict.fromkeys(ALL[name], "none"))
        method = "POST" if name in table.POST_ONLY else "GET"
        for who, client in (("stranger", stranger), ("nobody", nobody)):
            got = verdict(ask(client, method, path))
            right = {
                "anybody": got == ("503" if name == "readyz" else "let in"),  # No worker runs.
                "signed in": got == "sign in" if who == "nobody" else got != "sign in",
                "secret": got in ("403", "404"),
                "silent": got == "let in" and not Attempt.objects.exists(),
            }[wanted]
            if not right:
                wrong.append(f"{method} {name} as {who}: {got} ({wanted})")
    assert not wrong, "\n".join(wrong)


# --- The admin ----------------------------------------------------------------------------------


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
            "generation_refundrequest": refund.pk,
            "teams_auditentry": AuditEntry.objects.all()[0].pk,
            "teams_creditaccount": self.team.credit_account.pk,
            "teams_invitation": Invitation.objects.get().pk,
            "teams_ledgerentry": LedgerEntry.objects.for_team(self.team)[0].pk,
            "teams_outgoingmail": mail.pk,
            "teams_team": self.team.pk,
            "teams_user": person.pk,
        }
        self.objects: dict[str, object] = {
            "account_id": self.rows["generation_provideraccount"],
            "app_label": "teams",
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


def admin_pages() -> Iterator[tuple[str, str, str]]:
    """Each page of the admin, what it takes, and the permission; "none": for nobody at all."""
    for page, (methods, permission) in table.ADMIN_PAGES.items():
        for method in methods.split():
            yield page, method, permission
    needed = {"changelist": "view", "history": "view", "change": "view"}
    for model, verbs in table.ADMIN_MODELS.items():
        app, _underscore, name = model.partition("_")
        for page in ("changelist", "history", "change", "add", "delete"):
            verb = needed.get(page, page)
            permission = f"{app}.{verb}_{name}" if verb in verbs.split() else "none"
            if verb in table.SUPERUSER_MODELS.get(model, "").split():
                permission = "superuser"
            yield f"{model}_{page}", "GET", permission


def test_operators_reach_in_the_admin_exactly_what_their_permission_gives(settings):
    settings.STAFF_NEED_2FA = True
    office = Office()
    wrong = []
    for page, method, permission in admin_pages():
        cases = {"superuser": "403" if permission == "none" else "let in", "": "403"}
        if permission == "":
            cases[""] = "let in"
        elif permission not in ("none", "superuser"):
            cases[permission] = "let in"
        for who, wanted in cases.items():
            got = verdict(ask(office.operator(who), method, office.path(page)))
            # Django says 404 of a list of models that holds none for the asker.
            if got != wanted and not (page == "app_list" and (got, wanted) == ("404", "403")):
                wrong.append(f"{method} {page} with {who or 'nothing'}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def test_nobody_else_reaches_any_page_of_the_admin(settings):
    settings.STAFF_NEED_2FA = True
    office = Office()
    half = Client()
    half.force_login(User.objects.create_superuser("half@example.com"))
    member = Client()
    member.force_login(owner_of(office.team))
    ends = ((Client(), "sign in"), (member, "403"), (half, "second step"))
    wrong = []
    for page, method, _permission in admin_pages():
        path = office.path(page)
        for client, wanted in ends:
            door = ask(client, method, path)
            if not door.get("Location", "").startswith("/admin/login/?next="):
                wrong.append(f"{method} {page}: {door.status_code}, not led to the door")
            elif page in ("index", "teams_team_grant"):  # The door is the same for all.
                got = verdict(ask(client, "GET", door["Location"]))
                if got != wanted:
                    wrong.append(f"{method} {page}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)
