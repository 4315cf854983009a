"""What the product page shows of generation: the results of one product."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from catalog.keyset import by_time, keyset_page
from catalog.models import Product
from generation.models import Output
from generation.views.rows import job_rows, jobs_for_rows
from teams.access import Right, may, team_view
from teams.http import TeamRequest

JOBS_SHOWN = 12


@require_safe
@team_view(Right.VIEW)
def product_results(request: TeamRequest, product_id: UUID) -> TemplateResponse:
    """The jobs of a product with their results, newest first, for htmx to put into its page."""
    product = get_object_or_404(Product, team=request.team, pk=product_id)
    jobs = (
        jobs_for_rows(request.team)
        .filter(product=product)
        .prefetch_related(
            Prefetch("outputs", Output.objects.select_related("asset", "decided_by")),
            "outputs__asset__renditions",
        )
    )
    page = keyset_page(
        jobs, by_time("created_at"), after=request.GET.get("after", ""), size=JOBS_SHOWN
    )
    context = {
        "product": product,
        "rows": job_rows(page.rows, request.team),
        "next_cursor": page.after,
        "is_first_page": not request.GET.get("after"),
        "may_launch": may(request.membership, Right.LAUNCH),
    }
    return TemplateResponse(request, "generation/_product_results.html", context)
