"""The studio: what it offers, what a launch costs, and that one form is one job."""

from __future__ import annotations

import json
import uuid

import pytest
from django.urls import reverse

from generation.models import Job, Preset
from generation.operations import OPERATIONS
from generation.providers.keys import encrypt
from generation.providers.registry import current_account
from generation.views import studio as studio_views
from teams.credits import grant
from teams.models import LedgerEntry, Role
from tests.factories import (
    add_member,
    launch_swap,
    make_photo,
    make_presets,
    make_product,
    make_team,
    make_user,
    owner_of,
)

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def studio(db, client):
    """A signed-in owner with a photo, three faces and two scenes; knows the launch form's values."""

    class Studio:
        team = make_team(credits_=20)
        photo = make_photo(make_product(team, "Linen shirt", sku="LS-1"))
        faces = make_presets(3)
        scenes = make_presets(2, kind=Preset.Kind.SCENE)

        def url(self, name, **query):
            return reverse(f"generation:{name}", args=[self.team.slug], query=query)

        def values(self, **changes):
            values = {
                "operation": "swap_model",
                "request_key": str(uuid.uuid4()),
                "model_image": str(self.photo.pk),
                "model": str(self.faces[0].pk),
                "scene": "",
            }
            return {**values, **changes}

        def launch(self, headers=None, **changes):
            return client.post(self.url("job_create"), self.values(**changes), headers=headers)

    studio = Studio()
    client.force_login(owner_of(studio.team))
    return studio


def test_the_studio_preselects_what_the_address_names(studio, client):
    page = client.get(studio.url("studio", photo=studio.photo.pk, model=studio.faces[1].pk))
    photo, model, scene = page.context["slots"]
    assert (photo.chosen, model.chosen, scene.chosen) == (studio.photo, studio.faces[1], None)
    assert "4 credits" in page.text
    assert "16 left after" in page.text
    grant(team=studio.team, amount=5000, actor="tests", reason="", key="more")
    assert "5,016 left after" in client.get(studio.url("studio")).text


def test_the_studio_asks_once_which_providers_have_a_key(
    studio, client, count_queries, settings, monkeypatch
):
    """Where keys are stored: one query more than for the sandbox, whatever there is to choose."""
    url = studio.url("studio")
    with_sandbox = count_queries(lambda: client.get(url))
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY = settings.FASHN_API_KEY = ""
    settings.PROVIDER_KEY_SECRETS = ["s" * 40]
    account = current_account("sellerpic")
    account.encrypted_key = encrypt("sp-stored")
    account.save()
    make_presets(3)
    assert count_queries(lambda: client.get(url)) == with_sandbox + 1

    monkeypatch.setattr(studio_views, "IN_STUDIO", tuple(OPERATIONS))
    assert count_queries(lambda: client.get(url)) == with_sandbox + 1

    settings.SELLERPIC_API_KEY = settings.FASHN_API_KEY = "key"
    assert count_queries(lambda: client.get(url)) == with_sandbox


def test_the_studio_reads_in_a_constant_number_of_queries(studio, client, count_queries):
    few = count_queries(lambda: client.get(studio.url("studio", photo=studio.photo.pk)))
    for number in range(8):
        make_photo(make_product(studio.team, f"Coat {number}"))
    make_presets(9)
    assert count_queries(lambda: client.get(studio.url("studio", photo=studio.photo.pk))) == few


def test_a_launch_holds_its_price_and_returns_to_the_same_settings(studio):
    answer = studio.launch(scene=str(studio.scenes[1].pk))
    job = Job.objects.get()
    assert answer.status_code == 302
    assert f"scene={studio.scenes[1].pk}" in answer["Location"]
    assert job.price == 4
    assert {entry.name for entry in job.inputs.all()} == {"model_image", "model", "scene"}
    studio.team.credit_account.refresh_from_db()
    assert (studio.team.credit_account.held, studio.team.credit_account.available) == (4, 16)


def test_the_same_form_sent_twice_is_one_job_and_one_hold(studio):
    key = str(uuid.uuid4())
    first = studio.launch(HTMX, request_key=key)
    second = studio.launch(HTMX, request_key=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert Job.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="hold").count() == 1


def test_after_a_launch_the_form_has_a_new_key_and_a_toast_leads_to_the_queue(studio):
    key = str(uuid.uuid4())
    answer = studio.launch(HTMX, request_key=key)
    toast = json.loads(answer["HX-Trigger"])["toast"]
    assert toast["text"] == "1 job started."
    assert toast["url"] == studio.url("queue")
    assert 'name="request_key"' in answer.text
    assert key not in answer.text
    assert "12 left after" in answer.text


def test_a_missing_face_is_told_beside_the_field_and_nothing_is_written(studio):
    answer = studio.launch(HTMX, model="")
    assert answer.status_code == 422
    assert "Choose a model." in answer.text
    assert not Job.objects.exists()
    page = studio.launch(model="")
    assert page.status_code == 422
    assert "Choose a model." in page.text
    assert page.text.count("<h1>") == 1


def test_a_withdrawn_face_is_refused(studio):
    face = studio.faces[0]
    face.withdrawn_at = face.seen_at
    face.save()
    answer = studio.launch(HTMX)
    assert answer.status_code == 422
    assert "This model is not offered any more. Choose another." in answer.text
    assert not Job.objects.exists()


def test_a_photo_of_another_team_cannot_be_launched(studio):
    foreign = make_photo(make_product(make_team()))
    answer = studio.launch(HTMX, model_image=str(foreign.pk))
    assert answer.status_code == 422
    assert "This photo is not available any more. Choose another." in answer.text
    assert not Job.objects.exists()


def test_nonsense_for_ids_is_refused_without_an_error(studio, client):
    assert client.get(studio.url("studio", photo="zebra", model="zebra")).status_code == 200
    assert studio.launch(HTMX, model="zebra", request_key="zebra").status_code == 422
    assert client.get(studio.url("studio", operation="zebra")).status_code == 404
    assert not Job.objects.exists()


def test_without_credits_the_button_says_why_and_whom_to_ask(db, client):
    team = make_team(credits_=3, owner=make_user("ada@example.com", name="Ada Stone"))
    creator = add_member(team, Role.CREATOR)
    photo = make_photo(make_product(team))
    [face] = make_presets(1)
    client.force_login(creator)
    page = client.get(reverse("generation:studio", args=[team.slug]))
    assert "Not enough credits. Ask Ada Stone for more." in page.text
    assert "disabled" in page.text.partition('id="launch-button"')[2].partition(">")[0]
    answer = client.post(
        reverse("generation:job_create", args=[team.slug]),
        {
            "operation": "swap_model",
            "request_key": uuid.uuid4(),
            "model_image": photo.pk,
            "model": face.pk,
        },
        headers=HTMX,
    )
    assert answer.status_code == 422
    assert "This needs 4 credits and the team has 3 available." in answer.text
    assert not Job.objects.exists()


def test_presets_are_found_by_name_and_the_chosen_one_stays(studio, client):
    query = {"input": "model", "model": studio.faces[0].pk, "model_q": "model 3"}
    listed = client.get(studio.url("preset_list", **query), headers=HTMX)
    assert listed.context["slot"].choices == [studio.faces[0], studio.faces[2]]


def test_presets_come_in_pages(studio, client):
    faces = [*studio.faces, *make_presets(20)]
    first = client.get(studio.url("preset_list", input="model")).context["slot"]
    assert len(first.choices) == 18
    second = client.get(studio.url("preset_list", input="model", after=first.next_cursor))
    rest = second.context["slot"]
    assert len(rest.choices) == 5
    assert rest.next_cursor == ""
    assert {face.pk for face in [*first.choices, *rest.choices]} == {face.pk for face in faces}


def test_photos_are_found_by_product(studio, client):
    other = make_photo(make_product(studio.team, "Wool coat", sku="WC-9"))
    listed = client.get(studio.url("photo_list", input="model_image", q="wc-9"))
    assert listed.context["slot"].choices == [other]
    nothing = client.get(studio.url("photo_list", input="model_image", q="zebra"))
    assert "No photo of a product matches" in nothing.text


def test_a_list_that_was_never_fetched_says_so_and_an_old_one_says_from_when(db, client):
    team = make_team()
    client.force_login(owner_of(team))
    page = client.get(reverse("generation:studio", args=[team.slug]))
    assert "The list is being fetched from the provider." in page.text
    [face] = make_presets(1)
    face.account.presets_error = "No connection."
    face.account.presets_synced_at = face.seen_at
    face.account.save()
    page = client.get(reverse("generation:studio", args=[team.slug]))
    assert "The provider is unreachable." in page.text


def test_the_studio_is_closed_to_strangers_and_to_reviewers(studio, client):
    client.force_login(make_user())
    assert client.get(studio.url("studio")).status_code == 404
    assert studio.launch().status_code == 404
    client.force_login(add_member(studio.team, Role.REVIEWER))
    assert client.get(studio.url("studio")).status_code == 403
    assert studio.launch().status_code == 403
    assert not Job.objects.exists()


def test_launches_are_limited_in_number(studio, monkeypatch):
    monkeypatch.setattr("generation.views.studio.LAUNCHES_PER_MINUTE", 1)
    assert studio.launch(HTMX).status_code == 200
    answer = studio.launch(HTMX)
    assert "Too many launches in a short time. Wait a minute." in answer.text
    assert Job.objects.count() == 1


def test_a_long_queue_says_how_long_the_wait_may_be(studio, client, settings):
    settings.SELLERPIC_SLOTS = 1
    launch_swap(studio.team, photo=studio.photo, model=studio.faces[0])
    cost = client.get(studio.url("studio_cost", operation="swap_model"), headers=HTMX)
    assert "1 run at once and 1 are ahead: about 1 min until it starts." in cost.text
