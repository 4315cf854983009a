"""Every address as every role, as a stranger and as nobody, against the table of rights.

The addresses are found by walking the resolver, so that a new one cannot be forgotten. Whatever a
request does is rolled back, so that one set-up serves them all.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from generation.models import Attempt
from teams.access import RIGHTS, WITHHELD_WHEN_SUSPENDED, Right
from teams.models import Role, Team, User
from tests.access import table
from tests.access.world import ALL, IN_ADMIN, Office, World, ask, verdict
from tests.factories import make_user, owner_of

pytestmark = pytest.mark.django_db


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
