"""Gives credits that were granted before there were grants the rows that they would have had.

Each entry that brought credits becomes a grant without end. What was spent since came out of the
oldest; the holds of unfinished jobs took of the oldest that have something left.
"""

from collections import deque

from django.db import migrations
from django.db.models import Exists, OuterRef


def write_grants(apps, schema_editor):
    """Make every account's grants add up to its balance. Accounts that have grants are left alone."""
    CreditAccount = apps.get_model("teams", "CreditAccount")
    Grant = apps.get_model("teams", "Grant")
    accounts = CreditAccount.objects.filter(seq__gt=0)
    for account in accounts.exclude(Exists(Grant.objects.filter(account=OuterRef("pk")))):
        _write_grants_of(apps, account)


def _write_grants_of(apps, account):
    LedgerEntry = apps.get_model("teams", "LedgerEntry")
    Grant = apps.get_model("teams", "Grant")
    HoldUse = apps.get_model("teams", "HoldUse")
    entries = LedgerEntry.objects.filter(account=account)
    given = list(entries.filter(d_posted__gt=0).order_by("seq"))
    spent = sum(entry.d_posted for entry in given) - account.posted
    grants = deque()
    for entry in given:
        gone = min(spent, entry.d_posted)
        spent -= gone
        grant = Grant.objects.create(
            account=account,
            kind="returned" if entry.kind == "refund" else "paid",
            amount=entry.d_posted,
            remaining=entry.d_posted - gone,
            effective_at=entry.at,
            posted_at=entry.at,
            key=entry.key,
            actor=entry.actor,
            reason=entry.reason,
            reference=entry.reference,
        )
        if grant.remaining:
            grants.append(grant)
    settled = entries.filter(kind="settle", job=OuterRef("job"))
    for hold in entries.filter(~Exists(settled), kind="hold").order_by("seq"):
        left = hold.d_held
        while left:
            grant = grants[0]
            part = min(left, grant.remaining)
            HoldUse.objects.create(grant=grant, job=hold.job, amount=part)
            grant.remaining -= part
            left -= part
            grant.save(update_fields=["remaining"])
            if not grant.remaining:
                grants.popleft()


class Migration(migrations.Migration):
    """See the module docstring."""

    dependencies = [
        ("teams", "0003_teams_that_are_closing"),
    ]

    operations = [migrations.RunPython(write_grants, migrations.RunPython.noop, elidable=True)]
