"""The operator's page of providers: what it says, and what becomes of silent jobs there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.formats import date_format
from django.utils.timezone import localtime, now

from generation.models import Attempt, Job, Pool, ProviderAccount
from generation.providers.keys import encrypt
from generation.providers.registry import current_account
from generation.transitions import advance, end_job
from teams.credits import refund
from teams.models import CreditAccount
from tests.factories import deliver_swap, launch_swap, make_photo, make_product, make_team
from tests.generation.providers_page import PAGE, silent_job

pytestmark = pytest.mark.django_db


def test_the_index_and_the_list_lead_to_it(client, operator):
    client.force_login(operator)
    account = current_account()

    assert f'href="{PAGE}"' in client.get("/admin/").content.decode()
    assert f'href="{PAGE}"' in client.get("/admin/generation/provideraccount/").content.decode()
    row = client.get(f"/admin/generation/provideraccount/{account.pk}/change/").content.decode()
    assert f'href="{PAGE}#account-{account.pk}"' in row


def test_the_sandbox_stands_in_for_accounts_without_a_key(read):
    text = read()

    assert "SellerPic, sandbox Takes jobs." in text
    assert "FASHN, sandbox Takes jobs." in text
    assert (
        "SellerPic, live Gets no new jobs: the sandbox stands in for it (SANDBOX=0 ends that)."
        in text
    )
    assert "Key None. Set SELLERPIC_API_KEY, or set PROVIDER_KEY_SECRETS so that keys" in text
    assert "No worker is running" in text


def test_jobs_that_wait_for_an_account_without_new_jobs_are_counted_with_their_credits(
    read, settings
):
    team = make_team(credits_=100)
    photo = make_photo(make_product(team), size=(240, 300))
    for _ in range(3):
        launch_swap(team, photo=photo)
    assert "SellerPic, sandbox Takes jobs." in read()

    settings.SANDBOX = False

    assert (
        "SellerPic, sandbox Gets no new jobs: SANDBOX=0 takes the live accounts. 3 jobs from before "
        "wait for it and hold 12 credits: nothing is sent, and the credits come back a week after "
        "their launch, or when they are cancelled."
    ) in read()
    assert "FASHN, sandbox Gets no new jobs: SANDBOX=0 takes the live accounts. Address" in read()


def test_a_key_of_the_environment_wins_and_the_page_says_so(read, live, settings):
    live.encrypted_key, live.key_set_at = encrypt("sp-stored"), now()
    live.save()
    settings.SELLERPIC_API_KEY = "sp-of-the-environment"

    text = read()

    assert "(SELLERPIC_API_KEY). Not tried yet. It wins over the key that was stored" in text
    assert "Remove SellerPic's stored key" in text
    assert "Replace SellerPic's key" not in text


def test_an_account_says_in_one_sentence_how_it_stands(read, live):
    assert "SellerPic, live Takes no jobs: there is no key." in read()

    live.encrypted_key, live.key_set_at = encrypt("sp-stored"), now()
    live.closed_until = now() + timedelta(minutes=5)
    live.closed_reason, live.closed_code, live.closed_streak = "SellerPic is away.", "http_502", 3
    live.save()
    text = read()
    assert re.search(r"SellerPic, live Closed until [^:]+:\d\d:\d\d: SellerPic is away\.", text)
    assert re.search(r"Open until \S+ \S+ \S+ \S+ \(3 closings in a row, code http_502\)", text)

    ProviderAccount.objects.update(closed_until=now() - timedelta(seconds=1))
    text = read()
    assert "SellerPic, live The next job tries it alone. Last time: SellerPic is away." in text
    assert "Half open: one job tries" in text

    ProviderAccount.objects.update(closed_until=None, closed_streak=0)
    assert "SellerPic, live Takes jobs." in read()
    assert "Breaker At rest" in read()


def test_a_refused_and_an_unreadable_key_are_told(read, live, settings):
    live.encrypted_key = encrypt("sp-stored")
    live.key_set_at = live.key_refused_at = now()
    live.save()
    text = read()
    assert re.search(
        r"encrypted\. Refused by the provider on .{10,40}, and not accepted since", text
    )
    assert "Accepted by" not in text

    settings.PROVIDER_KEY_SECRETS = ["t" * 40]
    text = read()
    assert "SellerPic, live Takes no jobs: its stored key cannot be read." in text
    assert "and no secret of PROVIDER_KEY_SECRETS opens it." in text


def test_a_key_counts_as_accepted_by_what_the_provider_took_since_it_was_stored(
    client, read, live, settings
):
    def key():
        [words] = re.findall(r" Key (.*?) Balance ", read().partition("SellerPic, live")[2])[:1]
        return words

    def tone():
        html = client.get(PAGE).content.decode().partition(f'id="account-{live.pk}"')[2]
        return re.findall(r'<dd><span class="provider-state" data-tone="(\w+)"', html)[0]

    stored = now() - timedelta(hours=1)
    live.encrypted_key, live.key_set_at = encrypt("sp-stored"), stored
    live.balance_remaining, live.balance_at = 5, stored - timedelta(minutes=1)
    live.save()
    job = launch_swap(make_team(credits_=10))
    assert job.account_id == live.pk
    attempt = Attempt.objects.create(
        job=job, number=1, request_hash="x", outcome="accepted", started_at=live.balance_at
    )
    assert key().endswith("encrypted. Not tried yet.")
    assert tone() == "quiet"

    Attempt.objects.filter(pk=attempt.pk).update(
        started_at=stored + timedelta(minutes=1), outcome="unknown"
    )
    assert key().endswith("Not tried yet."), "nobody knows whether it was taken"

    Attempt.objects.filter(pk=attempt.pk).update(outcome="accepted")
    taken = date_format(localtime(stored + timedelta(minutes=1)), "DATETIME_FORMAT")
    assert key().endswith(f"Accepted by the provider on {taken}.")
    assert tone() == "good"

    ProviderAccount.objects.filter(pk=live.pk).update(balance_at=stored + timedelta(minutes=5))
    told = date_format(localtime(stored + timedelta(minutes=5)), "DATETIME_FORMAT")
    assert key().endswith(f"Accepted by the provider on {told}.")

    Attempt.objects.all().delete()
    ProviderAccount.objects.filter(pk=live.pk).update(balance_at=None)
    settings.SELLERPIC_API_KEY = "sp-of-the-environment"
    assert key().startswith("From the environment (SELLERPIC_API_KEY). Not tried yet.")


def test_places_queues_and_the_oldest_that_waits_are_counted(read, client):
    team = make_team(credits_=100)
    photo = make_photo(make_product(team), size=(240, 300))
    jobs = [launch_swap(team, photo=photo) for _ in range(4)]
    Job.objects.filter(pk=jobs[0].pk).update(created_at=now() - timedelta(hours=3))
    assert advance(jobs[1], "queued", "submitting", slot=0, attempt_count=1)
    assert advance(jobs[1], "submitting", "running", remote_id="1")
    assert advance(jobs[2], "queued", "submitting", slot=1, attempt_count=1)
    Pool.objects.filter(name="general").update(busy_until=now() + timedelta(minutes=1))

    text = read()

    # Waiting, preparing, ready, sending, working, saving, no answer, silent.
    row = r"general lost after 15 min busy until [\d:]+ 2 of 10 2 - - 1 1 - - - 3 hours ago"
    assert re.search(row, text)
    assert "instruct_edit lost after 15 min 0 of 5 - - - - - - - - -" in text
    assert "video lost after 30 min 0 of 10" in text


def test_submits_of_a_day_and_a_week_are_shared_out_by_their_codes(read):
    def ended(count, outcome, code="", *, days=0.0, job_code=""):
        for _ in range(count):
            job = deliver_swap(make_team()) if not job_code else launch_swap(make_team())
            if job_code:
                assert advance(job, "queued", "collecting")
                assert end_job(job, "collecting", "failed", error_code=job_code, error="No.")
            Attempt.objects.create(
                job=job, number=1, request_hash="x", outcome=outcome, error_code=code,
                started_at=now() - timedelta(days=days),
            )  # fmt: skip

    ended(2, "accepted")
    ended(2, "accepted", days=3)
    ended(1, "accepted", days=9)
    ended(1, "refused", "http_400", days=3)
    ended(2, "not_taken", "30003")
    ended(1, "accepted", job_code="PoseError")

    text = read()

    assert "Errors: 60.0 % of 5 in 24 hours, 50.0 % of 8 in 7 days." in text
    assert "Accepted - 2 (40.0 %) 4 (50.0 %)" in text
    assert "Not taken, safe to send again 30003 2 (40.0 %) 2 (25.0 %)" in text
    assert "Accepted, then failed PoseError 1 (20.0 %) 1 (12.5 %)" in text
    assert "Refused for good http_400 0 (0.0 %) 1 (12.5 %)" in text


def test_rare_codes_are_counted_together(read):
    job = deliver_swap(make_team())
    for number in range(1, 16):
        Attempt.objects.create(
            job=job, number=number, request_hash="x", outcome="refused", error_code=f"code-{number}"
        )

    text = read()

    assert "Others - 3 (20.0 %) 3 (20.0 %)" in text
    assert "Errors: 100.0 % of 15 in 24 hours" in text


def test_costs_are_told_by_month_and_account(read):
    job = deliver_swap(make_team())
    Attempt.objects.create(
        job=job, number=1, request_hash="x", outcome="accepted", provider_charged=3
    )
    Attempt.objects.create(
        job=job, number=2, request_hash="x", outcome="unknown", suspected_cost=1234
    )
    old = Attempt.objects.create(job=job, number=3, request_hash="x", suspected_cost=77)
    Attempt.objects.filter(pk=old.pk).update(started_at=now() - timedelta(days=400))

    month = now().strftime("%b %Y")
    assert f"{month} SellerPic (sandbox) 2 4 3 (told for 1) 1,234" in read()


def test_what_went_back_to_teams_is_taken_off_what_they_paid(read):
    team = make_team()
    job = deliver_swap(team)
    Attempt.objects.create(job=job, number=1, request_hash="x", outcome="accepted")
    for name, amount in (("a", 1), ("b", 2)):
        with transaction.atomic():
            refund(team=team, amount=amount, job=str(job.pk), key=name, actor="o", reason="Blurred")

    assert f"{now():%b %Y} SellerPic (sandbox) 1 1 not told 0" in read()


def test_what_rests_on_an_assumption_is_listed_with_whether_it_is_offered(read, live, settings):
    settings.UNCONFIRMED_OPERATIONS = False
    live.encrypted_key, live.key_set_at = encrypt("sp-stored"), now()
    live.save()
    text = read()
    listed = text.partition("Unconfirmed contracts")[2]
    assert "Remove background SellerPic contract and price SellerPic, Background Remover" in listed
    assert re.search(r"Remove background SellerPic .{0,80} no ", listed)

    assert (
        "Swap fashion model SellerPic 2 credits for one delivered result; the page tells" in listed
    )
    assert "Try on clothes SellerPic, top form of the request; its page was never read" in listed
    assert re.search(
        r"Edit by instruction SellerPic one result; [^;]+; enlarged files cost nothing .{0,80} yes ",
        listed,
    )
    assert "Try on an accessory SellerPic enlarged files cost nothing" in listed
    assert "Swap fashion model FASHN" not in listed

    settings.UNCONFIRMED_OPERATIONS = True
    listed = read().partition("Unconfirmed contracts")[2]
    assert re.search(r"Remove background SellerPic .{0,80} yes ", listed)


def test_it_needs_as_many_queries_for_much_as_for_little(client, read, count_queries):
    silent_job()
    read()
    few = count_queries(read)

    for number in range(3):
        silent_job("lost", task=str(number))
        job = deliver_swap(make_team())
        Attempt.objects.create(job=job, number=1, request_hash="x", outcome="accepted")

    assert count_queries(read) == few
    assert few <= 30


# --- Silent jobs ------------------------------------------------------------------------------


def test_silent_jobs_are_told_with_their_ids_and_decided_about(client, read):
    job = silent_job()
    text = read()
    assert "No answer from the provider: Swap fashion model, Atelier" in text
    assert "Unknown: 1 The submit got no answer" in text
    assert "4 credits of teams are held for them." in text
    assert "Lost: 0 The provider took the task" in text
    assert "Trace id trace-7" in text
    assert "SellerPic did not answer in time." in text

    answer = client.post(
        f"/admin/generation/job/{job.pk}/resolve/", {"action": "give_up", "back": "providers"}
    )

    assert answer["Location"] == PAGE
    job.refresh_from_db()
    assert job.state == "failed"
    assert CreditAccount.objects.get(team=job.team).held == 0
    assert "Unknown: 0" in read()


def test_a_lost_job_can_only_be_given_up(read):
    silent_job("lost")

    text = read()

    assert "Task id 196300123" in text
    assert "Unknown: 0" in text and "Lost: 1" in text
    assert "Give up and return the credits" in text
    assert "Run again" not in text


def test_what_may_be_billed_twice_asks_once_more_before_its_button(client, read):
    job = silent_job()
    read()
    for page in (PAGE, f"/admin/generation/job/{job.pk}/change/"):
        html = client.get(page).content.decode()
        asked = re.findall(r'<details class="ask-again">(.*?)</details>', html, re.DOTALL)
        assert len(asked) == 2
        assert 'value="run_again"' in asked[0] and "Run again, may be billed twice" in asked[0]
        assert "may then bill you for both" in asked[0]
        assert 'value="give_up"' in asked[1]
        outside = re.sub(r'<details class="ask-again">.*?</details>', "", html, flags=re.DOTALL)
        assert 'value="run_again"' not in outside and 'value="give_up"' not in outside
        assert "<script>" not in html and "onclick" not in html


def test_of_many_silent_jobs_the_oldest_are_shown_and_the_list_has_all(client, read, monkeypatch):
    monkeypatch.setattr("generation.operators.page.MOST_JOBS", 2)
    for number in range(3):
        silent_job("lost", team=f"Team of {number}", task=str(number))
    silent_job(team="Team of the unknown")

    text = read()

    assert "Lost: 3" in text and "12 credits of teams are held for them." in text
    assert "Unknown: 1" in text and "Team of the unknown" in text
    assert "Team of 0" in text and "Team of 1" in text
    assert "Team of 2" not in text
    assert text.count("These are the 2 oldest; the list of jobs has all of them.") == 1
    assert '"/admin/generation/job/?state__exact=lost"' in client.get(PAGE).content.decode()
    listed = client.get("/admin/generation/job/?state__exact=lost")
    assert listed.context["cl"].result_count == 3
