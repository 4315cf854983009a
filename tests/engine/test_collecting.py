"""Bringing results home: nothing is fetched twice, nothing waits for ever, nothing paid is dropped."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from asgiref.sync import sync_to_async
from django.utils.timezone import now

from catalog.models import Asset
from catalog.storage import StorageError
from generation.engine import collect
from generation.engine.collect import claim_to_collect, collect_job
from generation.engine.context import Context
from generation.engine.threads import Threads
from generation.engine.timing import Timing
from generation.models import Attempt, Job
from generation.providers.errors import LinkBlocked, LinkDead, NotTaken, Refused, Unreachable
from generation.transitions import advance
from tests.engine.conftest import spent
from tests.factories import draw_photo, launch_swap, make_team

ITEMS = [{"remote_id": name, "state": "succeeded", "error_code": "", "error": ""} for name in "ab"]


class Here:
    """Runs what threads would run where it is called."""

    async def run(self, call, *args, **kwargs):
        return await sync_to_async(call)(*args, **kwargs)


class Shelf:
    """A provider that hands out one picture, after what a test wants to happen first."""

    def __init__(self, picture: Path, **troubles) -> None:
        self.picture = picture
        self.troubles = troubles
        self.asked: list[str] = []
        self.takes = 0.0

    async def fetch_output(self, item, to, *, media, file_format="", uhd=False):
        self.asked.append(item.remote_id)
        await asyncio.sleep(self.takes)
        if (trouble := self.troubles.get(item.remote_id)) is not None:
            raise trouble
        shutil.copy(self.picture, to)


@pytest.fixture
def team(transactional_db):
    return make_team(credits_=100)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(draw_photo(tmp_path / "picture.png", size=(90, 120), file_format="PNG"))


@pytest.fixture
def job(team):
    job = launch_swap(team)
    assert advance(job, "queued", "submitting", slot=0, attempt_count=1, submitted_at=now())
    Attempt.objects.create(job=job, number=1, request_hash="x", outcome="accepted")
    assert advance(
        job, "submitting", "collecting", slot=None, remote_items=ITEMS, remote_ended_at=now()
    )
    return job


def collect_once(shelf, tmp_path, *, at=None, timing=None):
    """One round as the engine would do it; returns the job as it stands afterwards."""
    at, timing = at or now(), timing or Timing()
    ctx = Context(
        clock=lambda: at,
        timing=timing,
        database=cast(Threads, Here()),
        slow=cast(Threads, Here()),
        files=cast(Threads, Here()),
        connect=lambda account: shelf,
        scratch=tmp_path,
        reached=lambda point, job_id: None,
        wake=lambda: None,
    )
    [claimed] = claim_to_collect(at, timing, 5)
    asyncio.run(collect_job(ctx, claimed))
    return Job.objects.get(pk=claimed.pk)


def much_later(job):
    return job.remote_ended_at + timedelta(hours=73)


def test_a_result_that_is_stored_is_not_fetched_again(team, job, shelf, tmp_path):
    shelf.troubles["b"] = Unreachable("The file's host is away.")
    waiting = collect_once(shelf, tmp_path)
    assert (waiting.state, waiting.lease_until) == ("collecting", None)
    assert waiting.error == "The file's host is away."
    assert spent(team) == (100, 4)

    shelf.troubles.clear()
    done = collect_once(shelf, tmp_path, at=waiting.due_at)

    assert shelf.asked == ["a", "b", "b"]
    assert (done.state, done.captured, done.outputs_delivered) == ("succeeded", 4, 2)
    first, second = (output.asset for output in done.outputs.order_by("index"))
    assert (first.width, first.height, first.sha256) == (90, 120, second.sha256)
    assert first.bytes == second.bytes == shelf.picture.stat().st_size
    assert first.key == f"t/{team.pk}/out/{job.pk}/0.png"


def test_a_result_in_trouble_keeps_no_other_back(team, job, shelf, tmp_path):
    shelf.troubles["a"] = LinkBlocked("cdn.example is not on the list.")

    collect_once(shelf, tmp_path)
    done = collect_once(shelf, tmp_path, at=much_later(job))

    assert shelf.asked == ["a", "b", "a"]
    assert (done.state, done.captured) == ("partial", 2)
    assert done.error == "cdn.example is not on the list."
    assert spent(team) == (98, 0)
    assert Attempt.objects.get(job=job).suspected_cost == 2


def test_every_result_has_a_time_limit_of_its_own(job, shelf, tmp_path):
    shelf.takes = 0.3
    shelf.troubles = dict.fromkeys("ab", Refused("too large", code="too_large"))

    ended = collect_once(shelf, tmp_path, timing=Timing(collect=0.55))

    assert (ended.state, ended.error_code) == ("failed", "too_large")


@pytest.mark.parametrize("trouble", [StorageError("disk"), OSError("full"), KeyError("a bug")])
def test_whatever_goes_wrong_is_tried_again_and_comes_to_an_end(
    team, job, shelf, tmp_path, trouble, caplog
):
    shelf.troubles |= {"a": trouble, "b": trouble}

    waiting = collect_once(shelf, tmp_path)
    assert (waiting.state, waiting.step_failures) == ("collecting", 1)
    assert waiting.due_at > now()
    assert spent(team) == (100, 4)
    ended = collect_once(shelf, tmp_path, at=much_later(job))

    assert (ended.state, ended.error_code, ended.captured) == ("failed", "not_fetched", 0)
    assert spent(team) == (100, 0)
    assert Attempt.objects.get(job=job).suspected_cost == 4
    assert "could not be fetched" in caplog.text


def test_a_download_that_never_ends_comes_to_an_end(team, job, shelf, tmp_path):
    shelf.takes = 30
    quick = Timing(collect=0.05)

    assert collect_once(shelf, tmp_path, timing=quick).state == "collecting"
    ended = collect_once(shelf, tmp_path, timing=quick, at=much_later(job))

    assert (ended.state, ended.error_code) == ("failed", "not_fetched")
    assert spent(team) == (100, 0)


def test_an_end_that_cannot_be_written_gives_the_credits_back_in_time(
    team, job, shelf, tmp_path, monkeypatch, caplog
):
    def stumble(asset):
        raise ValueError("a bug")

    monkeypatch.setattr(collect, "request_renditions", stumble)

    waiting = collect_once(shelf, tmp_path)
    assert (waiting.state, waiting.lease_until) == ("collecting", None)
    assert spent(team) == (100, 4)
    ended = collect_once(shelf, tmp_path, at=much_later(job))

    assert (ended.state, ended.outputs_delivered) == ("failed", 0)
    assert shelf.asked == ["a", "b"]
    assert not Asset.objects.filter(kind="result").exists()
    assert spent(team) == (100, 0)
    assert "a bug" in caplog.text


def test_what_can_never_be_fetched_ends_at_once(team, job, shelf, tmp_path):
    shelf.troubles |= dict.fromkeys("ab", Refused("too large", code="too_large"))

    ended = collect_once(shelf, tmp_path)

    assert (ended.state, ended.error_code) == ("failed", "too_large")
    assert spent(team) == (100, 0)


def fetch_until_done(shelf, tmp_path, **timing):
    """Round after round, each when it is due; returns the job and the number of rounds."""
    rounds, job = 1, collect_once(shelf, tmp_path, timing=Timing(**timing))
    while job.state == "collecting":
        rounds += 1
        job = collect_once(shelf, tmp_path, at=job.due_at, timing=Timing(**timing))
    return job, rounds


def test_links_that_stay_dead_are_given_up_after_some_minutes(team, job, shelf, tmp_path):
    shelf.troubles |= dict.fromkeys("ab", LinkDead("gone", code="gone"))

    ended, rounds = fetch_until_done(shelf, tmp_path)

    assert (ended.state, ended.error_code, rounds) == ("failed", "gone", 8)
    assert spent(team) == (100, 0)
    assert Attempt.objects.get(job=job).suspected_cost == 4


@pytest.mark.parametrize("trouble", [LinkDead("gone"), "broken file"])
def test_a_trouble_of_the_file_that_passes_costs_no_result(team, job, shelf, tmp_path, trouble):
    """Nor do rounds before it that went wrong by something else."""
    whole = shelf.picture.read_bytes()
    shelf.troubles["b"] = Unreachable("The file's host is away.")
    waiting = job
    for _round in range(3):
        waiting = collect_once(shelf, tmp_path, at=max(waiting.due_at, now()))
    if isinstance(trouble, LinkDead):
        shelf.troubles["b"] = trouble
    else:
        shelf.troubles.clear()
        shelf.picture.write_bytes(whole[: len(whole) // 2])
    waiting = collect_once(shelf, tmp_path, at=waiting.due_at)
    assert (waiting.state, spent(team)) == ("collecting", (100, 4))

    shelf.troubles.clear()
    shelf.picture.write_bytes(whole)
    done = collect_once(shelf, tmp_path, at=waiting.due_at)

    assert (done.state, done.outputs_delivered) == ("succeeded", 2)
    assert spent(team) == (96, 0)


def test_dead_links_do_not_count_against_a_file_that_then_comes_broken(team, job, shelf, tmp_path):
    whole = shelf.picture.read_bytes()
    shelf.troubles |= dict.fromkeys("ab", LinkDead("gone"))
    waiting = job
    for _round in range(3):
        waiting = collect_once(shelf, tmp_path, at=max(waiting.due_at, now()))
    shelf.troubles.clear()
    shelf.picture.write_bytes(whole[: len(whole) // 2])
    waiting = collect_once(shelf, tmp_path, at=waiting.due_at)
    assert (waiting.state, spent(team)) == ("collecting", (100, 4))

    shelf.picture.write_bytes(whole)
    done = collect_once(shelf, tmp_path, at=waiting.due_at)

    assert (done.state, done.outputs_delivered) == ("succeeded", 2)


def test_a_file_that_stays_broken_is_fetched_three_times(team, job, shelf, tmp_path):
    shelf.picture.write_bytes(b"no picture")

    ended, rounds = fetch_until_done(shelf, tmp_path)

    assert (ended.state, ended.error_code, rounds) == ("failed", "not_a_picture", 3)
    assert spent(team) == (100, 0)


def test_a_wish_to_discard_between_two_results_is_kept(team, job, shelf, tmp_path):
    shelf.troubles["b"] = NotTaken("later")
    waiting = collect_once(shelf, tmp_path)
    assert Job.objects.move(waiting, "collecting", discard_requested_at=now())
    shelf.troubles.clear()

    done = collect_once(shelf, tmp_path, at=waiting.due_at)

    assert (done.state, done.outputs_waiting) == ("succeeded", 0)
    assert list(done.outputs.values_list("discarded", flat=True)) == [True, True]


def test_the_lease_covers_every_result(job):
    at = now()

    [claimed] = claim_to_collect(at, Timing(collect=300, lease_margin=20), 5)

    assert claimed.lease_until == at + timedelta(seconds=620)
