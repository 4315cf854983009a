"""Credits back for a bad result: a team asks once, the operator decides once, the ledger shows it."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection, transaction
from django.urls import reverse
from django.utils.timezone import now

from generation.models import Job, Output, RefundRequest, UsageDay
from generation.services.refunds import RefundRefused, ask_refund, grant_refund
from teams.credits import refund
from teams.models import AuditEntry, LedgerEntry, Membership, OutgoingMail, Role
from tests.factories import add_member, deliver_swap, make_team, make_user, owner_of

BODY = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)
QUEUE = "/admin/generation/refundrequest/"


@pytest.fixture(autouse=True)
def real_outbox(settings) -> None:
    """Mails become rows as in real life; the test runner would keep them in memory."""
    settings.EMAIL_BACKEND = "teams.outbox.OutboxBackend"


@pytest.fixture
def job(db) -> Job:
    """A delivered job of 4 credits for 2 results, of a team that had 20."""
    team = make_team("Atelier", credits_=20, owner=make_user("ada@example.com", name="Ada Stone"))
    return deliver_swap(team)


@pytest.fixture
def output(job) -> Output:
    return Output.objects.get(job=job, index=0)


@pytest.fixture
def mia(job):
    """A creator of the team: may launch, and so ask."""
    return add_member(job.team, Role.CREATOR, make_user("mia@example.com", name="Mia Moss"))


def words(answer) -> str:
    """What the whole page says, without tags."""
    return re.sub(r"\s+", " ", unescape(BODY.sub(" ", answer.content.decode())))


def ask_url(output: Output) -> str:
    return reverse("generation:output_refund", args=[output.team.slug, output.pk])


def decide_url(wish: RefundRequest) -> str:
    return f"{QUEUE}{wish.pk}/decide/"


def asked(client, output, person, reason="Six fingers.") -> RefundRequest:
    client.force_login(person)
    answer = client.post(ask_url(output), {"reason": reason})
    assert answer.status_code == 302
    return RefundRequest.objects.get(output=output)


def balance(team) -> tuple[int, int]:
    team.credit_account.refresh_from_db()
    return team.credit_account.posted, team.credit_account.held


def test_a_result_is_credited_back_by_request_and_decision(client, job, output, mia, operator):
    assert balance(job.team) == (16, 0)
    wish = asked(client, output, mia)
    assert (wish.price, wish.state, wish.asked_by, wish.reason) == (2, "open", mia, "Six fingers.")
    told = OutgoingMail.objects.get(subject="Atelier asks 2 credits back")
    assert told.recipients == ["operator@example.com"]
    assert f"{QUEUE}{wish.pk}/change/" in told.message.replace("=\n", "")
    page = words(client.get(reverse("generation:job_detail", args=[job.team.slug, job.pk])))
    assert "2 credits asked back Six fingers. Mia Moss, just now · The operator decides." in page

    client.force_login(operator)
    listed = words(client.get(QUEUE))
    assert "Six fingers. 2 Open" in listed
    page = words(client.get(f"{QUEUE}{wish.pk}/change/"))
    assert "Reason Six fingers." in page
    assert "It cost 2 credits" in page
    form = {"amount": "2", "note": "Sorry for the fingers."}
    preview = words(client.post(decide_url(wish), form))
    assert "16 → 18 credits" in preview
    assert "Your note: “Sorry for the fingers.”." in preview
    assert balance(job.team) == (16, 0), "a preview moves nothing"

    assert client.post(decide_url(wish), {**form, "confirm": "1"})["Location"] == QUEUE

    assert balance(job.team) == (18, 0)
    entry = LedgerEntry.objects.get(kind="refund")
    assert (entry.d_posted, entry.job, entry.key, entry.actor, entry.reason) == (
        2, str(job.pk), f"refund:{output.pk}", "operator@example.com", "Sorry for the fingers.",
    )  # fmt: skip
    wish.refresh_from_db()
    assert (wish.state, wish.amount, wish.decided_by) == ("granted", 2, "operator@example.com")
    mail = OutgoingMail.objects.get(subject__endswith="credits back for " + job.product.name)
    assert mail.recipients == ["mia@example.com"]
    assert "Sorry for the fingers." in mail.message
    acts = AuditEntry.objects.filter(action__startswith="refund.").order_by("pk")
    assert [(act.action, act.actor, act.data["credits"], act.address) for act in acts] == [
        ("refund.asked", "mia@example.com", 2, "127.0.0.1"),
        ("refund.granted", "operator@example.com", 2, "127.0.0.1"),
    ]
    client.force_login(mia)
    for name in ("job_detail", "review_detail"):
        page = words(client.get(reverse(f"generation:{name}", args=[job.team.slug, job.pk])))
        assert "2 credits came back Six fingers." in page
        assert "Operator: Sorry for the fingers." in page
    ledger = words(client.get(reverse("generation:credits_ledger", args=[job.team.slug])))
    assert "Credited back" in ledger
    assert "Six fingers" not in words(client.get(QUEUE, follow=True))
    spent = UsageDay.objects.filter(team=job.team, dimension="operation").get()
    assert spent.captured == 4, "what was spent on a day stays what it was"
    out = StringIO()
    call_command("check_ledger", stdout=out)
    assert "The ledger adds up." in out.getvalue()


def test_nothing_comes_back_by_a_refusal_which_says_why(client, job, output, mia, operator):
    wish = asked(client, output, mia)
    client.force_login(operator)

    answer = client.post(decide_url(wish), {"amount": "2", "decline": "1"})
    assert "Say why nothing comes back: the team reads it." in words(answer)
    assert RefundRequest.objects.get().state == "open"

    client.post(decide_url(wish), {"note": "It is as ordered.", "decline": "1"})

    wish.refresh_from_db()
    assert (wish.state, wish.amount, wish.note) == ("declined", None, "It is as ordered.")
    assert balance(job.team) == (16, 0)
    assert not LedgerEntry.objects.filter(kind="refund").exists()
    mail = OutgoingMail.objects.get(subject=f"No credits back for {job.product.name}")
    assert mail.recipients == ["mia@example.com"]
    client.force_login(mia)
    page = words(client.get(reverse("generation:job_detail", args=[job.team.slug, job.pk])))
    assert "Not credited back Six fingers." in page
    again = client.post(ask_url(output), {"reason": "Please."})
    assert again.status_code == 422
    assert "were asked back already" in words(again)


def test_a_request_is_decided_once(client, job, output, mia, operator):
    wish = asked(client, output, mia)
    client.force_login(operator)
    confirm = {"amount": "1", "note": "Half.", "confirm": "1"}
    client.post(decide_url(wish), confirm)
    client.post(decide_url(wish), confirm)
    page = words(client.get(f"{QUEUE}{wish.pk}/change/"))
    assert "Olga has credited 1 back in the meantime." in page
    assert "Preview" not in page
    client.post(decide_url(wish), {"note": "No.", "decline": "1"})

    assert balance(job.team) == (17, 0)
    wish.refresh_from_db()
    assert (wish.state, wish.amount, wish.note) == ("granted", 1, "Half.")
    assert LedgerEntry.objects.filter(kind="refund").count() == 1
    assert OutgoingMail.objects.filter(recipients=["mia@example.com"]).count() == 1


@pytest.mark.parametrize("amount", ["0", "3", "-1", "", "x"])
def test_no_more_comes_back_than_the_result_cost(amount, client, job, output, mia, operator):
    wish = asked(client, output, mia)
    client.force_login(operator)

    answer = client.post(decide_url(wish), {"amount": amount, "confirm": "1"})

    assert answer.status_code == 200
    assert "amount" in answer.context["form"].errors
    assert RefundRequest.objects.get().state == "open"
    assert balance(job.team) == (16, 0)


def test_no_more_comes_back_than_the_job_still_can(client, job, output, mia, operator):
    wish = asked(client, output, mia)
    with transaction.atomic():
        refund(team=job.team, amount=3, job=str(job.pk), key="by hand", actor="x", reason="x")
    client.force_login(operator)

    client.post(decide_url(wish), {"amount": "2", "confirm": "1"})

    page = words(client.get(f"{QUEUE}{wish.pk}/change/"))
    assert "Of this job 1 credit can still be credited back." in page
    assert RefundRequest.objects.get().state == "open"
    assert balance(job.team) == (19, 0)
    assert not AuditEntry.objects.filter(action="refund.granted").exists()


def test_the_operator_reads_what_came_back_by_another_form(client, job, output, mia, operator):
    """It may have been for this very result: whoever decides has to know."""
    wish = asked(client, output, mia)
    client.force_login(operator)
    assert "0 of the 4 credits that the job spent" in words(client.get(f"{QUEUE}{wish.pk}/change/"))
    with transaction.atomic():
        refund(team=job.team, amount=2, job=str(job.pk), key="by hand", actor="x", reason="x")

    preview = words(client.post(decide_url(wish), {"amount": "2"}))

    assert "Of its job came back 2 of the 4 credits that the job spent" in preview


def test_each_result_is_asked_for_once(client, output, mia):
    asked(client, output, mia)

    client.force_login(owner_of(output.team))
    answer = client.post(ask_url(output), {"reason": "Me too."})

    assert answer.status_code == 422
    assert RefundRequest.objects.get().reason == "Six fingers."
    assert AuditEntry.objects.filter(action="refund.asked").count() == 1


@pytest.mark.parametrize(
    ("_case", "change", "said"),
    [
        ("too late", {"days": 15}, "within 14 days of a job's end. That time is over."),
        ("free of charge", {"charged": False}, "This result was not charged."),
        ("put aside", {"discarded": True}, "Bring it back to review first."),
    ],
)
def test_only_charged_results_of_the_last_days_can_be_asked_for(
    _case, change, said, client, job, output, mia
):
    client.force_login(mia)
    page = reverse("generation:job_detail", args=[job.team.slug, job.pk])
    asking = "Ask 2 credits back for result A"
    assert asking in words(client.get(page))
    if "days" in change:
        Job.objects.filter(pk=job.pk).update(finished_at=now() - timedelta(days=change["days"]))
    else:
        Output.objects.filter(pk=output.pk).update(**change)

    answer = client.post(ask_url(output), {"reason": "Six fingers."})

    assert answer.status_code == 422
    assert said in words(answer)
    assert asking not in words(client.get(page))
    assert not RefundRequest.objects.exists()
    assert not OutgoingMail.objects.exists()


def test_the_last_day_of_the_window_still_counts(client, job, output, mia, settings):
    settings.REFUND_WINDOW_DAYS = 3
    Job.objects.filter(pk=job.pk).update(finished_at=now() - timedelta(days=3, seconds=-60))

    assert asked(client, output, mia).state == "open"


def test_a_result_that_never_came_cannot_be_asked_for(client, db):
    job = deliver_swap(make_team(credits_=20), delivered=1)
    missing = job.outputs.get(index=1)
    client.force_login(owner_of(job.team))

    answer = client.post(ask_url(missing), {"reason": "Where is it?"})

    assert answer.status_code == 422
    assert "This result was not delivered, and costs nothing." in words(answer)
    page = words(client.get(reverse("generation:job_detail", args=[job.team.slug, job.pk])))
    assert "Ask 2 credits back for result A" in page
    assert "back for result B" not in page
    assert not RefundRequest.objects.exists()


def test_a_reason_is_needed_and_what_was_typed_stays(client, output, mia):
    client.force_login(mia)
    answer = client.post(ask_url(output), {"reason": " ", "from": "room"})
    assert answer.status_code == 422
    assert "Say what is wrong with the result." in words(answer)
    long = client.post(ask_url(output), {"reason": "x" * 301, "from": "room"})
    assert (long.status_code, "x" * 301 in long.text) == (422, True)
    assert not RefundRequest.objects.exists()

    answer = client.post(ask_url(output), {"reason": "Blurred.", "from": "room"})

    room = reverse("generation:review_detail", args=[output.team.slug, output.job_id])
    assert answer["Location"] == f"{room}?panel=facts"


def test_strangers_find_nothing_and_reviewers_may_not_ask(client, job, output, mia):
    client.force_login(make_user())
    assert client.post(ask_url(output), {"reason": "x"}).status_code == 404
    assert client.get(ask_url(output)).status_code == 404
    client.force_login(add_member(job.team, Role.REVIEWER))
    assert client.post(ask_url(output), {"reason": "x"}).status_code == 403
    page = words(client.get(reverse("generation:review_detail", args=[job.team.slug, job.pk])))
    assert "Credits back" not in page
    other = make_team()
    client.force_login(owner_of(other))
    foreign = reverse("generation:output_refund", args=[other.slug, output.pk])
    assert client.post(foreign, {"reason": "x"}).status_code == 404
    assert not RefundRequest.objects.exists()

    asked(client, output, mia)
    client.force_login(Membership.objects.get(team=job.team, role=Role.REVIEWER).user)
    page = words(client.get(reverse("generation:review_detail", args=[job.team.slug, job.pk])))
    assert "2 credits asked back" in page


def test_deciding_needs_its_permission(client, output, mia):
    wish = asked(client, output, mia)
    clerk = make_user("clerk@example.com", is_staff=True)
    client.force_login(clerk)
    assert client.get(QUEUE).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_refundrequest"))
    page = words(client.get(f"{QUEUE}{wish.pk}/change/"))
    assert "Six fingers." in page
    assert "Decline" not in page
    confirm = {"amount": "2", "confirm": "1"}
    assert client.post(decide_url(wish), confirm).status_code == 403
    assert not LedgerEntry.objects.filter(kind="refund").exists()

    clerk.user_permissions.add(Permission.objects.get(codename="refund_credits"))

    assert client.post(decide_url(wish), confirm).status_code == 302
    assert LedgerEntry.objects.get(kind="refund").actor == "clerk@example.com"
    assert client.get(decide_url(wish)).status_code == 405
    assert client.post(f"{QUEUE}{uuid.uuid4()}/decide/", confirm).status_code == 302
    client.force_login(mia)
    assert client.post(decide_url(wish), confirm).status_code in (302, 403)
    assert LedgerEntry.objects.filter(kind="refund").count() == 1


def test_the_queue_shows_what_waits_and_the_rest_when_asked(client, job, output, mia, operator):
    asked(client, output, mia, "First.")
    second = asked(client, job.outputs.get(index=1), mia, "Second.")
    client.force_login(operator)
    client.post(decide_url(second), {"note": "No.", "decline": "1"})

    def listed(query=""):
        return re.findall(r"(First|Second)\.", words(client.get(f"{QUEUE}{query}")))

    assert listed() == listed("?state__exact=open") == ["First"]
    assert listed("?state__exact=declined") == ["Second"]
    assert listed("?state__exact=granted") == []
    assert listed("?state__exact=all") == ["First", "Second"]


def test_whoever_left_the_team_gets_no_mail_about_it(client, output, mia, operator):
    wish = asked(client, output, mia)
    Membership.objects.filter(user=mia).delete()
    client.force_login(operator)

    client.post(decide_url(wish), {"amount": "2", "confirm": "1"})

    assert RefundRequest.objects.get().state == "granted"
    assert not OutgoingMail.objects.filter(recipients=["mia@example.com"]).exists()


@pytest.mark.django_db(transaction=True)
def test_of_operators_who_decide_at_once_one_does(job, output, mia, operator):
    wish = ask_refund(output=output, by=mia, reason="Six fingers.")

    def decide(number: int) -> str:
        try:
            grant_refund(request=wish, by=operator, amount=2, note=f"By {number}.")
        except RefundRefused as refused:
            return str(refused)
        finally:
            connection.close()
        return "credited"

    with ThreadPoolExecutor(4) as operators:
        answers = sorted(operators.map(decide, range(4)))

    assert answers == ["Olga has credited 2 back in the meantime."] * 3 + ["credited"]
    assert balance(job.team) == (18, 0)
    assert LedgerEntry.objects.filter(kind="refund").count() == 1
    assert OutgoingMail.objects.filter(recipients=["mia@example.com"]).count() == 1
    assert AuditEntry.objects.filter(action="refund.granted").count() == 1


def test_the_room_reads_requests_in_a_constant_number_of_queries(client, job, mia, count_queries):
    client.force_login(mia)
    room = reverse("generation:review_detail", args=[job.team.slug, job.pk])
    client.get(room)
    before = count_queries(lambda: client.get(room))
    for output in job.outputs.all():
        asked(client, output, mia)
    client.get(room)

    assert count_queries(lambda: client.get(room)) == before
