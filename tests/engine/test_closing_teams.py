"""A team that is closed while jobs are under way is gone once the last of them was settled."""

from __future__ import annotations

import dataclasses

from generation.models import Job, State
from teams.lifecycle import close
from teams.models import AuditEntry, Team
from tests.engine.conftest import QUICK, wait_until
from tests.factories import launch_swap, make_team, owner_of

SENT = {State.SUBMITTING, State.RUNNING, State.COLLECTING}


def test_the_worker_closes_a_team_once_the_provider_is_done(sandbox, start_engine, settings):
    settings.SELLERPIC_SLOTS = 1
    team = make_team(credits_=100)
    jobs = [launch_swap(team, model=sandbox.model()) for _ in range(3)]
    start_engine(with_chores=True, timing=dataclasses.replace(QUICK, closings_every=0.1))
    wait_until(lambda: Job.objects.filter(state__in=SENT).exists())

    close(team=team, actor=owner_of(team))

    wait_until(lambda: Team.objects.filter(pk=team.pk, closed_at__isnull=False).exists())
    states = [Job.objects.get(pk=job.pk).state for job in jobs]
    assert set(states) <= {State.SUCCEEDED, State.CANCELLED}
    assert State.SUCCEEDED in states, "what the provider had was waited for"
    account = Team.objects.get(pk=team.pk).credit_account
    assert (account.posted, account.held) == (100 - 4 * states.count(State.SUCCEEDED), 0)
    closings = AuditEntry.objects.filter(team=team, action__startswith="team.clos")
    assert sorted(closings.values_list("action", flat=True)) == ["team.closed", "team.closing"]
