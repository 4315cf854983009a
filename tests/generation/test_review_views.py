"""Review: the contact sheet, the room, decisions with and without a script, and their undo."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from catalog.models import Asset
from generation.models import Decision, Job, Output
from teams.models import Role
from tests.factories import add_member, deliver_swap, launch_swap, make_team, make_user, owner_of

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


@pytest.fixture
def team(db, client):
    team = make_team(credits_=200)
    client.force_login(owner_of(team))
    return team


def address(team, name, *args, **query):
    return reverse(f"generation:{name}", args=[team.slug, *args], query=query)


def decide(client, output, verdict, headers=None, **values):
    url = reverse("generation:output_decide", args=[output.team.slug, output.pk])
    return client.post(
        url, {"verdict": verdict, "version": output.verdict_version, **values}, headers=headers
    )


def pair(team, **options):
    job = deliver_swap(team, **options)
    return job, *job.outputs.order_by("index")


def test_the_contact_sheet_shows_what_waits_longest_first(team, client):
    jobs = [deliver_swap(team) for _ in range(3)]
    deliver_swap(team, delivered=0)
    for output in jobs[1].outputs.all():
        decide(client, output, "approved")
    page = client.get(address(team, "review_list"))
    assert [row.job for row in page.context["rows"]] == [jobs[0], jobs[2]]
    assert "2 jobs have results to decide about" in page.text


def test_the_contact_sheet_names_the_operation_of_every_job(team, client):
    deliver_swap(team)
    page = client.get(address(team, "review_list"))
    assert "Swap fashion model" in page.text


def test_what_may_be_transparent_is_told_to_the_page(team, client):
    """Results are PNG here, photos JPEG; a result of another shape would leave a rim."""
    job, a, b = pair(team)
    Asset.objects.filter(pk=b.asset_id).update(width=960)
    for name in ("review_list", "approved", "queue"):
        decide(client, a, "approved")
        assert client.get(address(team, name)).status_code == 200
    sheet = client.get(address(team, "job_detail", job.pk)).text
    assert (sheet.count('data-format="png"'), sheet.count('data-format="jpeg"')) == (2, 1)
    room = client.get(address(team, "review_detail", job.pk)).context["room"]
    assert [pane.fills_its_box for pane in room.panes] == [True, False]


def test_the_contact_sheet_comes_in_pages(team, client, monkeypatch):
    monkeypatch.setattr("generation.views.review.JOBS_SHOWN", 2)
    jobs = [deliver_swap(team) for _ in range(3)]
    first = client.get(address(team, "review_list"))
    second = client.get(address(team, "review_list", after=first.context["next_cursor"]))
    shown = [row.job for page in (first, second) for row in page.context["rows"]]
    assert shown == jobs
    assert second.context["next_cursor"] == ""


def test_an_empty_review_says_all_caught_up(team, client):
    assert "All caught up" in client.get(address(team, "review_list")).text


def test_sheet_and_room_read_in_a_constant_number_of_queries(team, client, count_queries):
    job, _, _ = pair(team)
    for _ in range(3):
        deliver_swap(team)
    sheet = count_queries(lambda: client.get(address(team, "review_list")))
    room = count_queries(lambda: client.get(address(team, "review_detail", job.pk)))
    for _ in range(4):
        deliver_swap(team)
    assert count_queries(lambda: client.get(address(team, "review_list"))) == sheet
    assert count_queries(lambda: client.get(address(team, "review_detail", job.pk))) == room


def test_the_room_shows_original_and_results_and_its_neighbours(team, client):
    jobs = [deliver_swap(team) for _ in range(3)]
    page = client.get(address(team, "review_detail", jobs[1].pk))
    room = page.context["room"]
    assert [pane.output.letter for pane in room.panes] == ["A", "B"]
    assert (room.previous, room.next, room.next_waiting) == (jobs[0], jobs[2], jobs[2])
    assert [row.job for row in room.strip] == jobs
    assert "HX-Request" in page["Vary"]
    last = client.get(address(team, "review_detail", jobs[2].pk)).context["room"]
    assert (last.next, last.next_waiting) == (None, jobs[0])


def test_htmx_gets_the_room_alone(team, client):
    job, _, _ = pair(team)
    fragment = client.get(address(team, "review_detail", job.pk), headers=HTMX)
    assert "<html" not in fragment.text
    assert 'id="room"' in fragment.text
    assert "HX-Request" in fragment["Vary"]


def test_approving_without_a_script_stores_who_and_when_and_stays_until_all_is_decided(
    team, client
):
    job, a, b = pair(team)
    following = deliver_swap(team)
    answer = decide(client, a, "approved")
    assert answer["Location"] == address(team, "review_detail", job.pk)
    a.refresh_from_db()
    assert (a.verdict, a.decided_by) == ("approved", owner_of(team))
    assert a.decided_at is not None
    answer = decide(client, b, "rejected")
    assert answer["Location"] == address(team, "review_detail", following.pk)
    job.refresh_from_db()
    assert (job.outputs_waiting, job.outputs_approved) == (0, 1)


def test_a_decision_by_htmx_brings_its_pane_and_its_words(team, client):
    job, a, _ = pair(team)
    first = decide(client, a, "approved", HTMX)
    assert 'id="actions-A"' in first.text
    assert 'id="actions-B"' not in first.text
    assert json.loads(first["HX-Trigger"])["toast"]["text"] == f"{job.product.name}: A approved."
    assert json.loads(first["HX-Trigger-After-Settle"]) == {"decided": {"output": str(a.pk)}}


def test_changes_need_a_reason_or_a_comment(team, client):
    _, a, _ = pair(team)
    for headers in (HTMX, None):
        refused = decide(client, a, "changes", headers)
        assert refused.status_code == 422
        assert "Say what should change: pick a reason or write a comment." in refused.text
    assert not Decision.objects.exists()
    decide(client, a, "changes", HTMX, reasons=["face", "hands"], comment="Lighter hands")
    decision = Decision.objects.get()
    assert (decision.verdict, decision.reasons) == ("changes", ["face", "hands"])
    assert decision.comment == "Lighter hands"
    page = client.get(address(team, "review_detail", a.job_id))
    assert "Lighter hands" in page.text
    assert "Face, Hands" in page.text


def test_somebody_elses_decision_is_shown_and_replaced_only_after_asking(team, client):
    _, a, _ = pair(team)
    mia = add_member(team, Role.REVIEWER, make_user("mia@example.com", name="Mia Lind"))
    client.force_login(mia)
    decide(client, a, "approved", HTMX)
    client.force_login(owner_of(team))
    late = decide(client, a, "rejected", HTMX)
    assert late.status_code == 422
    assert "by Mia Lind" in late.text
    assert 'name="override"' in late.text
    plain = decide(client, a, "rejected")
    assert plain.status_code == 409
    assert "by Mia Lind" in plain.text
    a.refresh_from_db()
    assert (a.verdict, a.decided_by) == ("approved", mia)
    decide(client, a, "rejected", HTMX, override="1")
    a.refresh_from_db()
    assert (a.verdict, a.decided_by) == ("rejected", owner_of(team))


def test_an_override_counts_only_for_the_state_that_was_shown(team, client):
    _, a, _ = pair(team)
    mia = add_member(team, Role.REVIEWER)
    client.force_login(mia)
    decide(client, a, "approved")
    a.refresh_from_db()
    stale = a.verdict_version - 1
    client.force_login(owner_of(team))
    url = address(team, "output_decide", a.pk)
    answer = client.post(url, {"verdict": "rejected", "version": stale, "override": "1"})
    assert answer.status_code == 409
    a.refresh_from_db()
    assert a.verdict == "approved"


def test_one_may_change_ones_own_decision(team, client):
    _, a, _ = pair(team)
    decide(client, a, "approved")
    a.refresh_from_db()
    assert decide(client, a, "rejected").status_code == 302
    a.refresh_from_db()
    assert a.verdict == "rejected"


def test_undo_takes_the_last_decision_back(team, client):
    job, a, b = pair(team)
    decide(client, a, "approved")
    decide(client, b, "rejected")
    room = client.get(address(team, "review_detail", job.pk)).context["room"]
    assert room.undo.output == b
    client.post(address(team, "output_undo", b.pk))
    room = client.get(address(team, "review_detail", job.pk)).context["room"]
    assert room.undo.output == a
    job.refresh_from_db()
    b.refresh_from_db()
    assert (b.verdict, job.outputs_waiting, job.outputs_approved) == ("waiting", 1, 1)


def test_undo_from_another_pair_leads_back_to_its_room(team, client):
    job, a, _ = pair(team)
    other = deliver_swap(team)
    decide(client, a, "approved", HTMX)
    here = "http://testserver" + address(team, "review_detail", other.pk)
    answer = client.post(
        address(team, "output_undo", a.pk), headers={**HTMX, "HX-Current-URL": here}
    )
    location = json.loads(answer["HX-Location"])
    assert location["path"] == address(team, "review_detail", job.pk)
    assert location["target"] == "#room"


def test_undo_of_nothing_and_of_somebody_elses_decision_changes_nothing(team, client):
    _, a, _ = pair(team)
    url = address(team, "output_undo", a.pk)
    assert "There is no decision to take back." in client.post(url, headers=HTMX)["HX-Trigger"]
    client.force_login(add_member(team, Role.REVIEWER))
    decide(client, a, "approved")
    client.force_login(owner_of(team))
    client.post(url, headers=HTMX)
    a.refresh_from_db()
    assert a.verdict == "approved"


def test_a_failed_result_says_why_and_that_it_was_not_charged(team, client):
    job, _, b = pair(team, delivered=1)
    page = client.get(address(team, "review_detail", job.pk))
    assert "This result failed" in page.text
    assert "The image could not be generated." in page.text
    assert "Not charged" in page.text
    assert decide(client, b, "approved").status_code == 302
    b.refresh_from_db()
    assert b.verdict == "waiting"


def test_a_job_without_pictures_is_shown_on_its_own_page(team, client):
    job = launch_swap(team)
    answer = client.get(address(team, "review_detail", job.pk))
    assert answer["Location"] == address(team, "job_detail", job.pk)


def test_nonsense_decisions_are_refused(team, client):
    _, a, _ = pair(team)
    assert decide(client, a, "waiting").status_code == 400
    assert decide(client, a, "splendid").status_code == 400
    assert decide(client, a, "changes", reasons=["zebra"]).status_code == 422
    assert not Decision.objects.exists()


def test_strangers_find_nothing_and_viewers_decide_nothing(team, client):
    job, a, _ = pair(team)
    client.force_login(make_user())
    assert client.get(address(team, "review_list")).status_code == 404
    assert client.get(address(team, "review_detail", job.pk)).status_code == 404
    assert decide(client, a, "approved").status_code == 404
    assert client.post(address(team, "output_undo", a.pk)).status_code == 404
    other = make_team()
    client.force_login(owner_of(other))
    url = reverse("generation:output_decide", args=[other.slug, a.pk])
    assert client.post(url, {"verdict": "approved"}).status_code == 404
    client.force_login(add_member(team, Role.VIEWER))
    page = client.get(address(team, "review_detail", job.pk))
    assert page.status_code == 200
    assert 'value="approved"' not in page.text
    assert decide(client, a, "approved").status_code == 403
    assert Output.objects.filter(verdict="approved").count() == 0
    assert Job.objects.get(pk=job.pk).outputs_waiting == 2
