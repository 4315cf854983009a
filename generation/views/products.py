"""What the product page shows of generation: the results of one product."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_safe

from catalog.keyset import by_time, keyset_page
from catalog.models import Product
from generation.models import Output
from generation.models.jobs import JobQuerySet
from generation.views.rows import JobRow, job_rows, jobs_for_rows
from teams.access import Right, may, team_view
from teams.http import TeamRequest
from teams.models import Team

JOBS_SHOWN = 12


@require_safe
@team_view(Right.VIEW)
def product_results(request: TeamRequest, product_id: UUID) -> TemplateResponse:
    """The jobs of a product with their results, newest first, for htmx to put into its page."""
    product = get_object_or_404(Product, team=request.team, pk=product_id)
    page = keyset_page(
        _jobs(request.team, product),
        by_time("created_at"),
        after=request.GET.get("after", ""),
        size=JOBS_SHOWN,
    )
    rows = job_rows(page.rows, request.team)
    context = {
        "product": product,
        "rows": rows,
        "next_cursor": page.after,
        "is_first_page": not request.GET.get("after"),
        "may_launch": may(request.membership, Right.LAUNCH),
        "watched": _watched(rows),
    }
    return TemplateResponse(request, "generation/_product_results.html", context)


@require_GET
@team_view(Right.VIEW)
def results_poll(request: TeamRequest, product_id: UUID) -> HttpResponse:
    """Jobs that look different from ?seen= (`<id>:<mark>`, repeated); 204 if none does."""
    product = get_object_or_404(Product, team=request.team, pk=product_id)
    seen = _seen(request.GET.getlist("seen"))
    watched = [
        JobRow(job)
        for job in _jobs(request.team, product).prefetch_related(None).filter(pk__in=seen)
    ]
    changed = [row.job.pk for row in watched if seen[row.job.pk] != row.mark]
    if not changed:
        return HttpResponse(status=204)
    context = {
        "product": product,
        "rows": job_rows(list(_jobs(request.team, product).filter(pk__in=changed)), request.team),
        "watched": _watched(watched),
    }
    return TemplateResponse(request, "generation/_product_results_delta.html", context)


def _jobs(team: Team, product: Product) -> JobQuerySet:
    jobs: JobQuerySet = (
        jobs_for_rows(team)
        .filter(product=product)
        .prefetch_related(
            Prefetch("outputs", Output.objects.select_related("asset", "decided_by")),
            "outputs__asset__renditions",
        )
    )
    return jobs


def _watched(rows: list[JobRow]) -> list[tuple[str, str]]:
    """What the page asks about next: its unfinished jobs as they look now."""
    return [("seen", f"{row.job.pk}:{row.mark}") for row in rows if row.is_active]


def _seen(told: list[str]) -> dict[UUID, str]:
    """Marks by job. What is no such pair is passed over, and so are more than a page has."""
    seen = {}
    for text in told[:JOBS_SHOWN]:
        pk, _colon, mark = text.partition(":")
        with suppress(ValueError):
            seen[UUID(pk)] = mark
    return seen
