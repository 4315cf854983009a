"""Decisions about results: who was first, what is taken back, and the counters that follow."""

import threading

import pytest
from django.db import connection

from generation.models import Decision
from generation.services import (
    DecidedByOther,
    NothingToUndo,
    decide_output,
    recover_output,
    undo_decision,
)
from tests.factories import add_member, deliver_swap, make_team, owner_of


@pytest.fixture
def job(db):
    return deliver_swap(make_team())


@pytest.fixture
def alice(job):
    return owner_of(job.team)


@pytest.fixture
def bob(job):
    return add_member(job.team)


def counters(job):
    job.refresh_from_db()
    return job.outputs_waiting, job.outputs_approved


def test_an_approval_is_stored_with_who_and_when_and_counted(job, alice):
    output = job.outputs.first()

    decision = decide_output(output=output, by=alice, verdict="approved")

    assert (output.verdict, output.verdict_version, output.decided_by) == ("approved", 1, alice)
    assert output.decided_at == decision.at
    assert (decision.verdict_before, decision.verdict, decision.by) == (
        "waiting",
        "approved",
        alice,
    )
    assert counters(job) == (1, 1)


def test_a_change_of_mind_keeps_both_decisions(job, alice):
    output = job.outputs.first()
    decide_output(output=output, by=alice, verdict="approved")

    decide_output(
        output=output, by=alice, verdict="changes", reasons=["hands", "crop"], comment=" Six. "
    )

    assert output.verdict == "changes"
    assert counters(job) == (1, 0)
    latest = output.decisions.latest("pk")
    assert (latest.verdict_before, latest.reasons, latest.comment) == (
        "approved",
        ["hands", "crop"],
        "Six.",
    )
    assert output.decisions.count() == 2


def test_the_second_of_two_people_is_told_what_the_first_decided(job, alice, bob):
    first, second = job.outputs.first(), job.outputs.first()
    decide_output(output=first, by=alice, verdict="approved", expected_version=0)

    with pytest.raises(DecidedByOther) as refusal:
        decide_output(output=second, by=bob, verdict="rejected", expected_version=0)

    assert (refusal.value.output.verdict, refusal.value.output.decided_by) == ("approved", alice)
    assert Decision.objects.count() == 1
    assert counters(job) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_decides(job, alice):
    output_id = job.outputs.first().pk
    started, decided, refused = threading.Barrier(6), [], []

    def decide(verdict):
        output = job.outputs.get(pk=output_id)
        started.wait()
        try:
            decided.append(
                decide_output(output=output, by=alice, verdict=verdict, expected_version=0)
            )
        except DecidedByOther as exc:
            refused.append(exc)
        finally:
            connection.close()

    verdicts = ["approved", "rejected", "changes"] * 2
    threads = [threading.Thread(target=decide, args=[verdict]) for verdict in verdicts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(decided), len(refused)) == (1, 5)
    output = job.outputs.get(pk=output_id)
    assert (output.verdict, output.verdict_version) == (decided[0].verdict, 1)
    assert counters(job) == (1, int(output.verdict == "approved"))


def test_an_undo_brings_back_the_verdict_before(job, alice):
    output = job.outputs.first()
    first = decide_output(output=output, by=alice, verdict="rejected", reasons=["face"])
    decide_output(output=output, by=alice, verdict="approved")

    undone = undo_decision(output=output, by=alice)

    assert (output.verdict, output.decided_by, output.decided_at) == ("rejected", alice, first.at)
    assert undone.undoes is not None
    assert undone.undoes.verdict == "approved"
    assert counters(job) == (1, 0)

    undo_decision(output=output, by=alice)
    assert (output.verdict, output.decided_by, output.decided_at) == ("waiting", None, None)
    assert counters(job) == (2, 0)
    with pytest.raises(NothingToUndo):
        undo_decision(output=output, by=alice)
    assert output.decisions.count() == 4


def test_nobody_takes_back_what_another_decided(job, alice, bob):
    output = job.outputs.first()
    decide_output(output=output, by=alice, verdict="approved")

    with pytest.raises(DecidedByOther):
        undo_decision(output=output, by=bob)

    output.refresh_from_db()
    assert output.verdict == "approved"
    assert counters(job) == (1, 1)


def test_a_result_that_never_came_cannot_be_decided_about(db):
    job = deliver_swap(make_team(), delivered=1)
    missing = job.outputs.get(index=1)

    with pytest.raises(ValueError, match="cannot be decided"):
        decide_output(output=missing, by=owner_of(job.team), verdict="approved")

    assert not Decision.objects.exists()


def test_a_discarded_result_is_decided_about_once_it_is_recovered(job, alice):
    output = job.outputs.first()
    job.outputs.update(discarded=True)
    type(job).objects.filter(pk=job.pk).update(outputs_waiting=0)
    output.refresh_from_db()
    with pytest.raises(ValueError, match="cannot be decided"):
        decide_output(output=output, by=alice, verdict="approved")

    assert recover_output(output=output) is True
    assert recover_output(output=output) is False
    assert counters(job) == (1, 0)
    decide_output(output=output, by=alice, verdict="approved")
    assert counters(job) == (0, 1)


@pytest.mark.parametrize("verdict", ["waiting", "splendid", ""])
def test_a_verdict_that_does_not_exist_is_refused(job, alice, verdict):
    with pytest.raises(ValueError):
        decide_output(output=job.outputs.first(), by=alice, verdict=verdict)

    assert counters(job) == (2, 0)


def test_a_reason_that_does_not_exist_is_refused(job, alice):
    with pytest.raises(ValueError):
        decide_output(
            output=job.outputs.first(), by=alice, verdict="rejected", reasons=["nonsense"]
        )

    assert counters(job) == (2, 0)
