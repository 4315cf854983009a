"""How long the credits page and the ledger take to make for a team with a million entries.

In process, by Django's test client: routing, rights, queries and templates, without a network. The
team has two years behind it: 500,000 jobs of 20 members on 3,000 products. CREDIT_ENTRIES sets
another number of entries.
"""

from __future__ import annotations

import os
import random
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Min
from django.test import Client
from django.utils.timezone import now

from benchmarks.figures import Figure, percentile
from catalog.models import Product
from generation.models import Preset, UsageDay
from generation.operations import OPERATIONS
from generation.providers.registry import current_account
from teams import ledger_triggers
from teams.models import CreditAccount, Grant, LedgerEntry, Role, Team, User
from tests.factories import add_member, make_team, make_user, owner_of

ENTRIES = int(os.environ.get("CREDIT_ENTRIES", "1000000"))
DAYS = 730
MEMBERS, PRODUCTS, PRESETS = 20, 3000, 120
ROUNDS = 15
GOAL = 60
"""Milliseconds within which 95 of 100 pages are made."""

_BATCH = 5000
_ENTRY = (
    "account_id", "seq", "kind", "d_posted", "d_held", "posted_after", "held_after", "job", "key",
    "actor", "reason", "reference", "price_version", "at",
)  # fmt: skip
_USAGE = ("team_id", "day", "dimension", "value", "captured", "outputs", "jobs")
_GRANT_EVERY = 10_000
_GRANT = 60_000


def run() -> Iterator[Figure]:
    """Fill the books once, then ask for every page in turn, `ROUNDS` times over."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    began = time.monotonic()
    with _filling():
        team = fill(ENTRIES)
    print(f"  {ENTRIES} entries written in {time.monotonic() - began:.0f} s", flush=True)
    client = Client()
    client.force_login(owner_of(team))
    for name, pages in pages_of(team).items():
        spent = measure(client, pages)
        yield Figure(f"{name}_p50", statistics.median(spent), "ms")
        yield Figure(f"{name}_p95", percentile(spent, 0.95), "ms", GOAL)
    rows, seconds = download(client, team)
    yield Figure("ledger_csv_rows_per_second", rows / seconds, digits=0)


def pages_of(team: Team) -> dict[str, list[str]]:
    """The addresses of each page, with what people ask of them."""
    home = f"/t/{team.slug}/credits/"
    ledger = f"{home}ledger/"
    entries = LedgerEntry.objects.filter(account__team=team)
    middle = ENTRIES // 2
    job = entries.filter(seq__lt=middle, kind="hold").order_by("-seq").values_list("job", flat=True)
    rare = entries.aggregate(first=Min("at"))["first"] + timedelta(days=100)
    return {
        "credits_page": [
            f"{home}?days={days}&by={by}"
            for days in (14, 30, 90)
            for by in UsageDay.Dimension.values
        ],
        "ledger_page": [
            ledger,
            f"{ledger}?before={middle}",
            f"{ledger}?after={middle}",
            f"{ledger}?before=60",
            *(f"{ledger}?kind={kind}" for kind in LedgerEntry.Kind.values),
            f"{ledger}?by=engine",
            f"{ledger}?by=nobody@example.com",
            f"{ledger}?by={owner_of(team).email}&before={middle}",
            f"{ledger}?since={rare:%Y-%m-%d}&until={rare:%Y-%m-%d}",
            f"{ledger}?since={rare:%Y-%m-%d}&kind=refund",
            f"{ledger}?job={job[0][:8]}",
        ],
    }


def measure(client: Client, pages: list[str]) -> list[float]:
    """Milliseconds of each request; the first round, which fills what is kept, is left out."""
    spent = []
    for number in range(ROUNDS + 1):
        for page in pages:
            began = time.perf_counter()
            answer = client.get(page)
            taken = (time.perf_counter() - began) * 1000
            if answer.status_code != 200:
                raise RuntimeError(f"{page} answered {answer.status_code}.")
            if number:
                spent.append(taken)
    return spent


def download(client: Client, team: Team) -> tuple[int, float]:
    """Read 100,000 rows of the file; how many they were, and the seconds."""
    began = time.perf_counter()
    answer: Any = client.get(f"/t/{team.slug}/credits/ledger.csv")
    rows = 0
    for part in answer.streaming_content:
        rows += part.count(b"\r\n")
        if rows > 100_000:
            break
    answer.close()
    return rows, time.perf_counter() - began


# --- A team with a history --------------------------------------------------------------------


def fill(entries: int) -> Team:
    """A team whose books hold so many entries, one after the other over two years.

    Written past the ledger's own verbs and triggers, which take a transaction for each; what is
    written would have passed them.
    """
    chance = random.Random(7)  # noqa: S311 - the same books every time
    team = make_team(credits_=0)
    people = [owner_of(team), *(add_member(team, Role.CREATOR) for _ in range(MEMBERS - 1))]
    operator = make_user("operator@example.com")
    products = Product.objects.bulk_create(
        [Product(team=team, name=f"Product {number}") for number in range(PRODUCTS)],
        batch_size=_BATCH,
    )
    account = current_account()
    presets = Preset.objects.bulk_create(
        Preset(account=account, kind=Preset.Kind.MODEL, remote_id=f"b{number}", name=f"F{number}")
        for number in range(PRESETS)
    )
    usage: Counter[tuple[date, str, str]] = Counter()
    jobs: Counter[tuple[date, str, str]] = Counter()

    def count(at: datetime, who: User, captured: int) -> None:
        values = {
            "operation": chance.choice(list(OPERATIONS)),
            "member": str(who.pk),
            "product": str(chance.choice(products).pk),
            "preset": str(chance.choice(presets).pk),
            "provider": chance.choice(["sellerpic", "fashn"]),
        }
        for dimension, value in values.items():
            usage[at.date(), dimension, value] += captured
            jobs[at.date(), dimension, value] += 1

    books = CreditAccount.objects.get(team=team)
    rows = _entries(books, entries, people, operator, chance, count)
    with ledger_triggers.triggers_off(connection), transaction.atomic():
        posted = held = 0
        while batch := list(islice(rows, _BATCH)):
            _insert("teams_ledgerentry", _ENTRY, batch)
            posted, held = batch[-1][5:7]
        CreditAccount.objects.filter(pk=books.pk).update(posted=posted, held=held, seq=entries)
        Grant.objects.filter(account=books).update(remaining=0)
        newest = Grant.objects.filter(account=books).order_by("-pk")[:1].get()
        Grant.objects.filter(pk=newest.pk).update(
            amount=max(posted - held, 1), remaining=posted - held
        )
    key = Team._meta.pk.get_db_prep_value(team.pk, connection)
    sums = (
        (key, day.isoformat(), dimension, value, captured, 2 * settled, settled)
        for ((day, dimension, value), captured), settled in zip(
            usage.items(), jobs.values(), strict=True
        )
    )
    with transaction.atomic():
        while some := list(islice(sums, _BATCH)):
            _insert("generation_usageday", _USAGE, some)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return team


def _entries(
    books: CreditAccount, wanted: int, people: list[User], operator: User, chance: Any, count: Any
) -> Iterator[tuple[Any, ...]]:
    posted = held = seq = 0
    first = now() - timedelta(days=DAYS)
    pause = timedelta(days=DAYS) / wanted

    def entry(
        kind: str, d_posted: int, d_held: int, key: str, actor: str, job: str = ""
    ) -> tuple[Any, ...]:
        nonlocal posted, held, seq
        posted, held, seq = posted + d_posted, held + d_held, seq + 1
        at = connection.ops.adapt_datetimefield_value(first + pause * seq)
        version = "2026-11" if job else ""
        return (
            books.pk, seq, kind, d_posted, d_held, posted, held, job, key, actor, "", "", version,
            at,
        )  # fmt: skip

    job = ""
    while seq < wanted:
        at = first + pause * seq
        if seq % _GRANT_EVERY == 0 or posted < 100:
            key = f"grant:{seq}"
            Grant.objects.create(
                account=books, amount=_GRANT, key=key, actor=operator.email, effective_at=at,
                posted_at=at, reason="Invoice",
            )  # fmt: skip
            yield entry("grant", _GRANT, 0, key, operator.email)
        elif seq % 7001 == 0 and job:
            yield entry("refund", 2, 0, f"refund:{seq}", operator.email, job)
        elif seq % 90_001 == 0:
            yield entry("adjust", -5, 0, f"adjust:{seq}", operator.email)
        elif seq % 50_021 == 0:
            yield entry("expire", -9, 0, f"expire:1:{seq}", "clock")
        else:
            job = str(uuid.UUID(int=chance.getrandbits(128)))
            who, captured = chance.choice(people), chance.choice([0, 2, 4, 4, 4, 4])
            yield entry("hold", 0, 4, f"hold:{job}", who.email, job)
            if seq < wanted:
                yield entry("settle", -captured, -4, f"settle:{job}", "engine", job)
                if captured:
                    count(at.astimezone(UTC), who, captured)


@contextmanager
def _filling() -> Iterator[None]:
    """Let SQLite keep its indexes in memory meanwhile, and wait for no disk."""
    if connection.vendor != "sqlite":
        yield
        return
    kept = {}
    with connection.cursor() as cursor:
        for name, value in (("synchronous", "OFF"), ("cache_size", "-600000")):
            cursor.execute(f"PRAGMA {name}")
            kept[name] = cursor.fetchone()[0]
            cursor.execute(f"PRAGMA {name}={value}")
    yield
    with connection.cursor() as cursor:
        for name, value in kept.items():
            cursor.execute(f"PRAGMA {name}={value}")


def _insert(table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows as the database takes them: a million models would need minutes."""
    places = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - own names
            rows,
        )
