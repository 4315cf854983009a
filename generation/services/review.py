"""Deciding about results. Decisions are appended; the output row and the job's counters follow."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now
from django.utils.translation import gettext as _

from generation.models import Decision, Job, Output
from teams.models import User

_WAITING = Output.Verdict.WAITING
_APPROVED = Output.Verdict.APPROVED


class DecidedByOther(Exception):
    """Somebody else decided first. `output` is as it stands now; nothing was changed."""

    def __init__(self, output: Output) -> None:
        super().__init__(_("Somebody else decided about this result in the meantime."))
        self.output = output


class NothingToUndo(Exception):
    """There is no decision to take back."""


def decide_output(
    *,
    output: Output,
    by: User,
    verdict: str,
    reasons: Sequence[str] = (),
    comment: str = "",
    expected_version: int | None = None,
) -> Decision:
    """Approve, reject or request changes, and move the job's counters with it.

    `expected_version` is the `verdict_version` that the person saw; without it the one of `output`
    counts. Raises DecidedByOther when it has changed since, ValueError for a verdict or reason
    that does not exist and for a result that was not delivered or is filed as discarded.
    """
    verdict = Output.Verdict(verdict)
    reasons = [Decision.Reason(reason).value for reason in reasons]
    if verdict == _WAITING:
        raise ValueError("A decision is taken back by undo_decision.")
    if output.state != Output.State.DELIVERED or output.discarded:
        raise ValueError(_("This result cannot be decided about."))
    version = output.verdict_version if expected_version is None else expected_version
    with transaction.atomic():
        return _change_verdict(
            output,
            version,
            Decision(
                output=output,
                verdict=verdict,
                reasons=reasons,
                comment=comment.strip()[:1000],
                by=by,
            ),
        )


def undo_decision(*, output: Output, by: User) -> Decision:
    """Take back one's own latest decision; the verdict before it holds again.

    Raises NothingToUndo when no decision stands, DecidedByOther when the latest is not one's own
    or a new one came in between.
    """
    with transaction.atomic():
        output.refresh_from_db()
        standing = list(
            output.decisions.filter(undoes=None, undone_by=None).order_by("-at", "-pk")[:2]
        )
        if not standing:
            raise NothingToUndo(_("There is no decision to take back."))
        latest = standing[0]
        if latest.by_id != by.pk:
            raise DecidedByOther(output)
        before = standing[1] if len(standing) > 1 else None
        return _change_verdict(
            output,
            output.verdict_version,
            Decision(output=output, verdict=latest.verdict_before, undoes=latest, by=by),
            decided_by=before.by if before else None,
            decided_at=before.at if before else None,
        )


def recover_output(*, output: Output) -> bool:
    """Bring a discarded result back to review. False: it was not discarded any more."""
    with transaction.atomic():
        recovered = Output.objects.filter(
            pk=output.pk, discarded=True, state=Output.State.DELIVERED
        ).update(discarded=False)
        if recovered:
            _count(output, waiting=1, approved=0)
            output.discarded = False
    return recovered == 1


def _change_verdict(
    output: Output,
    version: int,
    decision: Decision,
    **decided: object,
) -> Decision:
    """Write the verdict where nobody changed it since `version`, the decision and the counters."""
    at = now()
    stands = decision.verdict != _WAITING
    who = {"decided_by": decision.by, "decided_at": at, **decided}
    if not stands:
        who = {"decided_by": None, "decided_at": None}
    before = Output.objects.filter(pk=output.pk).values_list("verdict", flat=True).get()
    moved = Output.objects.filter(
        pk=output.pk, verdict_version=version, verdict=before, discarded=False
    ).update(verdict=decision.verdict, verdict_version=F("verdict_version") + 1, **who)
    if not moved:
        output.refresh_from_db()
        raise DecidedByOther(output)
    decision.verdict_before = before
    decision.at = at
    decision.save()
    _count(
        output,
        waiting=(decision.verdict == _WAITING) - (before == _WAITING),
        approved=(decision.verdict == _APPROVED) - (before == _APPROVED),
    )
    output.refresh_from_db()
    return decision


def _count(output: Output, *, waiting: int, approved: int) -> None:
    Job.objects.filter(pk=output.job_id).update(
        outputs_waiting=F("outputs_waiting") + waiting,
        outputs_approved=F("outputs_approved") + approved,
        changed_at=now(),
    )
