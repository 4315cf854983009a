"""The providers' page as a whole: every account with its state, traffic and costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Sum

from generation.engine.heartbeat import worker_is_alive
from generation.models import Attempt, Job, ProviderAccount, State
from generation.operations import OPERATIONS
from generation.operators.books import Books, books_of
from generation.operators.contracts import Unconfirmed, unconfirmed_offers
from generation.operators.costs import CostLine, cost_lines
from generation.operators.traffic import Outcomes, PoolLine, outcomes, pool_lines
from generation.operators.words import KeyFacts, Standing, breaker_of, key_facts, standing_of
from generation.providers.keys import KeyFrom, source_of
from generation.providers.registry import LABELS, prepare_accounts
from teams.models import AuditEntry

MOST_JOBS = 25
"""Unknown and as many lost jobs shown; the list of jobs has the rest."""
_MOST_ACCOUNTS = 20


@dataclass(frozen=True, slots=True)
class Section:
    """One account."""

    account: ProviderAccount
    label: str
    is_current: bool
    standing: Standing
    breaker: str
    is_closed: bool
    key: KeyFacts
    pools: tuple[PoolLine, ...]
    outcomes: Outcomes
    books: Books


@dataclass(frozen=True, slots=True)
class SilentJob:
    """A job that the provider does not answer for, with its last submit."""

    job: Job
    label: str
    attempt: Attempt | None

    @property
    def operation(self) -> str:
        """The operation in words; its name, for one that this version no longer knows."""
        operation = OPERATIONS.get(self.job.operation)
        return str(operation.label) if operation else self.job.operation


@dataclass(frozen=True, slots=True)
class SilentGroup:
    """The jobs that are unknown, or those that are lost: how many in all, and the oldest of them.

    Together they hold `held` credits of their teams.
    """

    state: State
    total: int
    held: int
    jobs: tuple[SilentJob, ...]

    @property
    def is_lost(self) -> bool:
        """Whether their tasks are known and silent; else nobody knows whether they were taken."""
        return self.state == State.LOST


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on it."""

    sections: tuple[Section, ...]
    silent: tuple[SilentGroup, ...]
    contracts: tuple[Unconfirmed, ...]
    costs: tuple[CostLine, ...]
    is_worker_alive: bool


def read_page(at: datetime) -> Page:
    """Read the page in a number of queries that does not depend on how much there is."""
    current = prepare_accounts()
    in_use = [account.pk for account in current]
    accounts = sorted(
        ProviderAccount.objects.order_by("-pk")[:_MOST_ACCOUNTS],
        key=lambda account: (account.pk not in in_use, account.provider != "sellerpic", account.pk),
    )
    pools = pool_lines(accounts, at)
    ended = outcomes(accounts, at)
    paused = _paused_by(accounts)
    books = books_of(accounts, at)
    sections = []
    for account in accounts:
        source = source_of(account)
        is_current = account.pk in in_use
        lines = tuple(pools.get(account.pk, ()))
        sent = ended.get(account.pk, Outcomes())
        sections.append(
            Section(
                account=account,
                label=label_of(account),
                is_current=is_current,
                standing=standing_of(
                    account,
                    is_current=is_current,
                    sandbox=settings.SANDBOX,
                    source=source,
                    paused_by=paused.get(str(account)),
                    waiting=(sum(one.waiting for one in lines), sum(one.held for one in lines)),
                    at=at,
                ),
                breaker=breaker_of(account, at),
                is_closed=account.closed_until is not None and account.closed_until > at,
                key=key_facts(account, source, sent.accepted_at),
                pools=lines,
                outcomes=sent,
                books=books[account.pk],
            )
        )
    configured = {a.provider for a in current if _has_key(a)}
    return Page(
        sections=tuple(sections),
        silent=_silent_groups(),
        contracts=tuple(unconfirmed_offers(configured)),
        costs=tuple(cost_lines(accounts, at)),
        is_worker_alive=worker_is_alive(at),
    )


def label_of(account: ProviderAccount) -> str:
    """The provider's name as people know it."""
    return LABELS.get(account.provider, account.provider)


def _has_key(account: ProviderAccount) -> bool:
    return source_of(account) not in (KeyFrom.NOWHERE, KeyFrom.UNREADABLE)


def _paused_by(accounts: list[ProviderAccount]) -> dict[str, tuple[str, datetime]]:
    """Who paused each account last, by the account's name in the audit trail."""
    newest = (
        AuditEntry.objects.filter(
            action="provider.paused", subject__in=[str(account) for account in accounts]
        )
        .order_by()
        .values("subject")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    rows = AuditEntry.objects.filter(pk__in=newest).values_list("subject", "actor", "at")
    return {subject: (actor, at) for subject, actor, at in rows}


def _silent_groups() -> tuple[SilentGroup, SilentGroup]:
    """Unknown jobs and lost ones, each counted, with the oldest of each. Four queries."""
    rows = Job.objects.unfinished().filter(state__in=(State.UNKNOWN, State.LOST))
    counted = rows.order_by().values("state").annotate(jobs=Count("pk"), held=Sum("price"))
    sums = {row["state"]: (row["jobs"], row["held"]) for row in counted}
    oldest = {
        state: list(
            rows.filter(state=state)
            .select_related("team", "account")
            .order_by("created_at", "pk")[:MOST_JOBS]
        )
        for state in (State.UNKNOWN, State.LOST)
    }
    attempts = {
        (attempt.job_id, attempt.number): attempt
        for attempt in Attempt.objects.filter(job__in=[*oldest[State.UNKNOWN], *oldest[State.LOST]])
    }

    def group(state: State) -> SilentGroup:
        total, held = sums.get(state, (0, 0))
        shown = [
            SilentJob(job, label_of(job.account), attempts.get((job.pk, job.attempt_count)))
            for job in oldest[state]
        ]
        return SilentGroup(state, total, held, tuple(shown))

    return group(State.UNKNOWN), group(State.LOST)
