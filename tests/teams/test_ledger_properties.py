"""Whatever happens in whatever order, and wherever it is cut off, the ledger stays sound."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from teams.credits import (
    AlreadyPosted,
    InsufficientCredits,
    RefundTooLarge,
    adjust,
    grant,
    hold_all,
    refund,
    settle,
)
from teams.grants import expire_now, tend_grants, void
from teams.ledger_check import find_differences
from teams.models import CreditAccount, Grant, HoldUse, LedgerEntry, Team

DAY = timedelta(days=1)


class Crash(Exception):
    """The process died here."""


#: After which statement the process dies; None: it lives. Most do.
crashes = st.one_of(st.none(), st.none(), st.integers(min_value=1, max_value=14))
few = st.integers(min_value=1, max_value=30)
keys = st.sampled_from("abcdef")


class LedgerMachine(RuleBasedStateMachine):
    """One team's ledger beside a few numbers that are kept by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.team = Team.objects.create(name="Property", slug="property")
        CreditAccount.objects.create(team=self.team)
        self.brought = 90
        self.spent = self.over = 0
        self.open: dict[str, int] = {}
        self.ended: dict[str, tuple[int, int, int]] = {}  # held, captured, credited back
        self.used: set[str] = set()
        self.over_for_good: set[int] = set()
        self.count = 0
        for number, amount in enumerate((20, 30, 40)):
            grant(
                team=self.team,
                amount=amount,
                actor="op",
                reason="",
                key=f"start-{number}",
                expires_at=now() + (7 + number) * DAY if number < 2 else None,
            )

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)

    # --- What happens ---

    @rule(amount=few, key=keys, ends=st.booleans(), later=st.booleans(), crash=crashes)
    def give(self, amount: int, key: str, ends: bool, later: bool, crash: int | None) -> None:
        begins = now() + 5 * DAY if later else None
        ends_at = now() + 9 * DAY if ends else None

        def act() -> None:
            grant(
                team=self.team,
                amount=amount,
                actor="op",
                reason="",
                key=key,
                effective_at=begins,
                expires_at=ends_at,
            )

        if self.happens(act, crash, again=f"grant:{key}") and not later:
            self.brought += amount

    @rule(amount=st.integers(-20, 20).filter(bool), key=keys, crash=crashes)
    def correct(self, amount: int, key: str, crash: int | None) -> None:
        def act() -> None:
            adjust(team=self.team, amount=amount, actor="op", reason="", key=key)

        refused = -amount > self.available and f"adjust:{key}" not in self.used
        if self.happens(
            act, crash, again=f"adjust:{key}", refusal=InsufficientCredits if refused else None
        ):
            self.brought += amount

    @rule(amounts=st.lists(st.integers(1, 12), min_size=1, max_size=3), crash=crashes)
    def launch(self, amounts: list[int], crash: int | None) -> None:
        jobs = {f"job-{self.count + number}": amount for number, amount in enumerate(amounts)}
        self.count += len(jobs)
        over = self.left_in(Grant.objects.filter(expires_at__lte=now()))
        refused = sum(amounts) > self.available - over

        def act() -> None:
            holds = [(job, amount, "1") for job, amount in jobs.items()]
            hold_all(team=self.team, member=None, holds=holds, actor="alice")

        if self.happens(act, crash, refusal=InsufficientCredits if refused else None):
            self.open |= jobs
            self.over += over

    @precondition(lambda self: self.open)
    @rule(data=st.data(), crash=crashes)
    def finish(self, data: st.DataObject, crash: int | None) -> None:
        job = data.draw(st.sampled_from(sorted(self.open)))
        held = self.open[job]
        captured = data.draw(st.integers(0, held))
        before = self.total("expire")

        def act() -> None:
            settle(
                team=self.team, held=held, captured=captured, job=job, actor="e", price_version="1"
            )

        if self.happens(act, crash):
            self.spent += captured
            self.over += self.total("expire") - before
            self.ended[job] = (self.open.pop(job), captured, 0)

    @precondition(lambda self: self.open or self.ended)
    @rule(data=st.data())
    def launch_or_finish_again(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted([*self.open, *self.ended])))

        def act() -> None:
            if job in self.ended:
                held = self.ended[job][0]
                settle(team=self.team, held=held, captured=0, job=job, actor="e", price_version="1")
            else:
                hold_all(team=self.team, member=None, holds=[(job, 1, "1")], actor="alice")

        assert not self.happens(act, None, refusal=(IntegrityError, InsufficientCredits))

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), key=keys, amount=st.integers(1, 8), crash=crashes)
    def credit_back(self, data: st.DataObject, key: str, amount: int, crash: int | None) -> None:
        job = data.draw(st.sampled_from(sorted(self.ended)))
        held, captured, returned = self.ended[job]
        refused = amount > captured - returned and f"refund:{key}" not in self.used

        def act() -> None:
            refund(team=self.team, amount=amount, job=job, key=key, actor="op", reason="")

        if self.happens(
            act, crash, again=f"refund:{key}", refusal=RefundTooLarge if refused else None
        ):
            self.spent -= amount
            self.ended[job] = (held, captured, returned + amount)

    @precondition(lambda self: Grant.objects.exists())
    @rule(data=st.data())
    def let_time_pass(self, data: st.DataObject) -> None:
        """For one grant: it begins, or it is over, although nobody looked yet."""
        pk = data.draw(st.sampled_from(sorted(Grant.objects.values_list("pk", flat=True))))
        row = Grant.objects.filter(pk=pk)
        row.update(effective_at=now() - 20 * DAY)
        if data.draw(st.booleans()):
            row.filter(expires_at__isnull=False).update(expires_at=now() - DAY)

    @rule(crash=crashes)
    def tend(self, crash: int | None) -> None:
        before = self.total("grant"), self.total("expire")
        if self.happens(lambda: tend_grants(now()), crash):
            self.brought += self.total("grant") - before[0]
            self.over += self.total("expire") - before[1]

    @precondition(lambda self: Grant.objects.exists())
    @rule(data=st.data(), crash=crashes)
    def end_or_withdraw(self, data: st.DataObject, crash: int | None) -> None:
        pk = data.draw(st.sampled_from(sorted(Grant.objects.values_list("pk", flat=True))))
        given = Grant.objects.get(pk=pk)
        left = given.remaining

        def act() -> None:
            if given.posted_at is None:
                void(grant=given)
            else:
                expire_now(grant=given, actor="op", reason="")

        if self.happens(act, crash):
            self.over += left

    # --- What must hold ---

    @invariant()
    def the_balance_is_what_was_brought_less_what_was_spent_and_ended(self) -> None:
        account = CreditAccount.objects.get(team=self.team)
        assert account.posted == self.brought - self.spent - self.over
        assert account.held == sum(self.open.values())
        assert account.available >= 0
        assert account.available == self.left_in(Grant.objects.all())

    @invariant()
    def the_ledger_adds_up(self) -> None:
        assert find_differences(further=False) == []
        if connection.vendor == "postgresql":  # What would wait for the commit.
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")

    @invariant()
    def every_job_was_held_once_and_settled_at_most_once(self) -> None:
        entries = LedgerEntry.objects.filter(kind__in=["hold", "settle"])
        told = sorted(entries.values_list("job", "kind"))
        known = [(job, "hold") for job in (*self.open, *self.ended)]
        assert told == sorted(known + [(job, "settle") for job in self.ended])

    @invariant()
    def a_grant_that_ended_has_nothing_left_for_good(self) -> None:
        self.over_for_good |= set(
            Grant.objects.filter(expired_at__isnull=False).values_list("pk", flat=True)
        )
        ended = Grant.objects.filter(pk__in=self.over_for_good)
        assert not ended.exclude(expired_at__isnull=False, remaining=0).exists()

    # --- Means ---

    def happens(self, act: Any, crash: int | None, *, again: str = "", refusal: Any = None) -> bool:
        """Do it in a transaction; False, with nothing changed, where it died or was refused."""
        before = self.everything()
        expected = (
            Crash,
            *(refusal if isinstance(refusal, tuple) else (refusal,) if refusal else ()),
        )
        if again in self.used:
            expected = (*expected, AlreadyPosted)
        try:
            with transaction.atomic(), connection.execute_wrapper(_Death(crash)):
                act()
        except expected:
            assert self.everything() == before
            return False
        assert not refusal, "it should have been refused"
        assert again not in self.used, "it should have counted once"
        if again:
            self.used.add(again)
        return True

    @property
    def available(self) -> int:
        return CreditAccount.objects.get(team=self.team).available

    def total(self, kind: str) -> int:
        return sum(
            abs(d) for d in LedgerEntry.objects.filter(kind=kind).values_list("d_posted", flat=True)
        )

    def left_in(self, grants: Any) -> int:
        return sum(grants.values_list("remaining", flat=True))

    def everything(self) -> list[Any]:
        tables = (CreditAccount, LedgerEntry, Grant, HoldUse)
        return [list(table.objects.order_by("pk").values()) for table in tables]


class _Death:
    """Raises Crash instead of the statement of that number, and lets savepoints alone."""

    def __init__(self, after: int | None) -> None:
        self.left = after

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise Crash
        return execute(sql, params, many, context)


@pytest.mark.django_db
def test_no_order_of_events_and_no_crash_breaks_the_ledger():
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            # PostgreSQL takes three times as long for each step.
            max_examples=8 if connection.vendor == "postgresql" else 25,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
