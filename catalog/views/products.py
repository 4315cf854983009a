"""Pages of products: the list, one product, its forms."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from catalog import services
from catalog.forms import ProductForm
from catalog.keyset import by_text, by_time, capped_count, keyset_page
from catalog.models import Product
from catalog.words import search_words
from teams.access import Right, may, team_view
from teams.http import TeamRequest

PAGE_SIZE = 48
LAYOUTS = ("grid", "table")


ORDERS = {
    "newest": by_time("created_at"),
    "name": by_text("name_key"),
}


@team_view()
@require_GET
@vary_on_headers("HX-Request")
def product_list(request: TeamRequest) -> HttpResponse:
    """The team's products: searched, filtered, sorted, one page of them. htmx gets the list alone."""
    words = search_words(request.GET.get("q", ""))
    category = request.GET.get("category", "")
    if category not in Product.Category.values:
        category = ""
    sort = request.GET.get("sort", "")
    if sort not in ORDERS:
        sort = "newest"
    archived = request.GET.get("show") == "archived"
    listed = Product.objects.archived_for_team if archived else Product.objects.for_team
    products = listed(request.team).matching(words)
    if category:
        products = products.filter(category=category)
    page = keyset_page(
        products.annotate(name_key=Lower("name"))
        .select_related("primary_photo")
        .prefetch_related("primary_photo__renditions"),
        ORDERS[sort],
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        size=PAGE_SIZE,
    )
    context = {
        "team": request.team,
        "page": page,
        "count": capped_count(products),
        "words": words,
        "category": category,
        "archived": archived,
        "has_archived": not page.rows and Product.objects.archived_for_team(request.team).exists(),
        "filtered": bool(words or category or archived),
        "sort": sort,
        "layout": _layout(request),
        "categories": Product.Category.choices,
    }
    part = request.htmx and not request.htmx.history_restore_request
    template = "catalog/_product_list.html" if part else "catalog/product_list.html"
    return render(request, template, context)


def _layout(request: TeamRequest) -> str:
    """Grid or table: as the address says, else as the person chose last."""
    asked = request.GET.get("layout", "")
    if asked in LAYOUTS and asked != request.session.get("product_layout"):
        request.session["product_layout"] = asked
    return str(request.session.get("product_layout", LAYOUTS[0]))


@team_view(Right.EDIT_CATALOG)
@require_http_methods(["GET", "POST"])
def product_create(request: TeamRequest) -> HttpResponse:
    """The form of a new product."""
    form = ProductForm(request.POST or None)
    if form.is_valid():
        try:
            product = services.create_product(
                team=request.team, by=request.user, **form.cleaned_data
            )
        except services.SkuTaken as taken:
            form.add_error("sku", str(taken))
        else:
            return redirect(product)
    status = 422 if form.is_bound else 200
    context = {"team": request.team, "form": form}
    return render(request, "catalog/product_form.html", context, status=status)


@team_view()
@require_GET
def product_detail(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """One product: its photos, facts and, loaded after it, its results. Archived: to read only."""
    product = get_object_or_404(
        Product.objects.select_related("team", "created_by"), team=request.team, pk=product_id
    )
    photos = product.assets.photos().filter(archived_at=None).prefetch_related("renditions")
    context = {
        "team": request.team,
        "product": product,
        "photos": list(photos),
        "may_edit": product.archived_at is None and may(request.membership, Right.EDIT_CATALOG),
        "upload_max_bytes": settings.UPLOAD_MAX_BYTES,
    }
    return render(request, "catalog/product_detail.html", context)


@team_view(Right.EDIT_CATALOG)
@require_http_methods(["GET", "POST"])
def product_edit(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """The form of an existing product."""
    product = get_object_or_404(
        Product.objects.for_team(request.team).select_related("team"), pk=product_id
    )
    # Validation writes what was typed into the form's instance; the page still names the product.
    name = product.name
    form = ProductForm(request.POST or None, instance=product)
    if form.is_valid():
        try:
            services.update_product(product=product, by=request.user, **form.cleaned_data)
        except services.SkuTaken as taken:
            form.add_error("sku", str(taken))
        else:
            messages.success(request, _("The changes are saved."))
            return redirect(product)
    status = 422 if form.is_bound else 200
    context = {"team": request.team, "form": form, "product": product, "name": name}
    return render(request, "catalog/product_form.html", context, status=status)


@team_view(Right.EDIT_CATALOG)
@require_POST
def product_archive(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """Take a product off the list; the message offers to bring it back."""
    product = get_object_or_404(Product, team=request.team, pk=product_id)
    services.archive_product(product=product, by=request.user)
    undo = reverse("catalog:product_restore", args=[request.team.slug, product.pk])
    messages.success(
        request, _("“%(name)s” is archived.") % {"name": product.name}, extra_tags=f"undo:{undo}"
    )
    return redirect("catalog:product_list", request.team.slug)


@team_view(Right.EDIT_CATALOG)
@require_POST
def product_restore(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """Bring an archived product back."""
    product = get_object_or_404(
        Product.objects.select_related("team"), team=request.team, pk=product_id
    )
    try:
        services.restore_product(product=product, by=request.user)
    except services.SkuTaken as taken:
        messages.error(request, str(taken))
        return redirect(product)
    messages.success(request, _("“%(name)s” is back in the list.") % {"name": product.name})
    return redirect(product)
