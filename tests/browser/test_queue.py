"""The queue in a browser: rows change in place, new ones appear, focus stays."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import expect

from generation.models import Job, ProviderAccount
from generation.transitions import advance
from teams.credits import grant
from tests.factories import deliver_swap, launch_swap, make_product


def test_rows_change_in_place_and_the_focus_stays(live_server, live_team, alice, sign_in):
    with transaction.atomic():
        grant(team=live_team, amount=40, actor="tests", reason="For tests", key="queue")
    job, other = launch_swap(live_team), launch_swap(live_team)
    ProviderAccount.objects.update(is_sandbox=False)
    page = sign_in(alice)
    page.goto(live_server.url + reverse("generation:queue", args=[live_team.slug]))
    expect(page).to_have_title("(2) Queue · Atelier · Diptych")
    row = page.locator(f"#job-{job.pk}")
    expect(row).to_contain_text("Waiting")
    expect(row).to_contain_text("4 credits held")
    page.locator(f"#details-{job.pk}").focus()

    advance(job, "queued", "preparing")
    advance(job, "preparing", "ready")
    advance(job, "ready", "submitting", slot=1)
    advance(job, "submitting", "running", submitted_at=now(), remote_id="7")
    expect(row).to_contain_text("of about 1:00")
    expect(page.locator(f"#details-{job.pk}")).to_be_focused()
    clock = row.locator("[data-clock]")
    shown = clock.text_content()
    expect(clock).not_to_have_text(shown)

    Job.objects.filter(pk=job.pk).update(slot=None, state="collecting")
    job.refresh_from_db()
    deliver_swap(live_team, job=job)
    expect(row).to_contain_text("Ready for review")
    expect(row).to_contain_text("4 credits spent")
    expect(page.locator(f"#details-{job.pk}")).to_be_focused()
    expect(page.locator("#nav-to-review")).to_contain_text("1")
    expect(page).to_have_title("(1) Queue · Atelier · Diptych")

    late = launch_swap(live_team)
    expect(page.locator("#jobs > li").first).to_have_id(f"job-{late.pk}")
    page.locator(f"#cancel-{other.pk}").click()
    expect(page.locator(f"#job-{other.pk}")).to_contain_text("4 credits returned")
    expect(page.locator("#toasts")).to_contain_text("Cancelled. 4 credits returned.")
    page.locator(f"#retry-{other.pk}").click()
    expect(page.locator(f"#job-{other.pk}")).to_contain_text("Tried again")
    expect(page.locator("#jobs > li")).to_have_count(4)


def test_pages_of_jobs_read_without_a_script(live_server, live_team, alice, browser):
    from django.test import Client

    with transaction.atomic():
        grant(team=live_team, amount=40, actor="tests", reason="For tests", key="queue")
    job = launch_swap(live_team)
    assert make_product(live_team)
    client = Client()
    client.force_login(alice)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    page.goto(live_server.url + reverse("generation:queue", args=[live_team.slug]))
    page.locator(f"#cancel-{job.pk}").click()
    expect(page.locator(f"#job-{job.pk}")).to_contain_text("4 credits returned")
    context.close()


def test_pages_follow_a_job_without_a_reload(live_server, live_team, alice, photo, sign_in):
    with transaction.atomic():
        grant(team=live_team, amount=40, actor="tests", reason="For tests", key="queue")
    first = launch_swap(live_team, photo=photo)
    page = sign_in(alice)
    page.goto(live_server.url + reverse("generation:job_detail", args=[live_team.slug, first.pk]))
    expect(page.locator("#nav-running")).to_contain_text("1")
    deliver_swap(live_team, job=first)
    expect(page.locator("#job")).to_contain_text("Ready for review")
    expect(page.get_by_alt_text("Result B")).to_be_visible()
    expect(page.locator("#job")).to_contain_text("4 credits spent")
    expect(page.locator("#nav-running")).to_be_hidden()

    second = launch_swap(live_team, photo=photo)
    page.goto(live_server.url + photo.product.get_absolute_url())
    made = page.locator(f"#made-{second.pk}")
    expect(made).to_contain_text("Waiting")
    deliver_swap(live_team, job=second)
    expect(made).to_contain_text("Ready for review")
    expect(page.locator("#nav-to-review")).to_contain_text("2")

    third = launch_swap(live_team, photo=photo)
    page.goto(live_server.url + reverse("generation:approved", args=[live_team.slug]))
    expect(page.locator("#credit-chip")).to_contain_text("28 credits")
    deliver_swap(live_team, job=third, delivered=0)
    expect(page.locator("#credit-chip")).to_contain_text("32 credits", timeout=9000)
    expect(page.locator("#nav-running")).to_be_hidden()
