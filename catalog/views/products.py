"""Pages of products: the list, one product, its forms."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog import services
from catalog.models import Product
from teams.access import Right, team_view
from teams.http import TeamRequest


if TYPE_CHECKING:  # Django's forms take no parameter at run time.
    _ProductForm = forms.ModelForm[Product]
else:
    _ProductForm = forms.ModelForm


class ProductForm(_ProductForm):
    """What a person tells about a product."""

    class Meta:
        model = Product
        fields = ["name", "sku", "category", "notes"]


@team_view()
@require_GET
def product_list(request: TeamRequest) -> HttpResponse:
    """The team's products, newest first."""
    products = Product.objects.for_team(request.team).matching(request.GET.get("q", ""))[:48]
    return render(request, "catalog/product_list.html", {"products": products})


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
    return render(request, "catalog/product_form.html", {"form": form}, status=status)


@team_view()
@require_GET
def product_detail(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """One product with its photos."""
    product = get_object_or_404(Product.objects.for_team(request.team), pk=product_id)
    photos = product.assets.photos().filter(archived_at=None).prefetch_related("renditions")
    return render(
        request, "catalog/product_detail.html", {"product": product, "photos": list(photos)}
    )


@team_view(Right.EDIT_CATALOG)
@require_http_methods(["GET", "POST"])
def product_edit(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """The form of an existing product."""
    product = get_object_or_404(Product.objects.for_team(request.team), pk=product_id)
    form = ProductForm(request.POST or None, instance=product)
    if form.is_valid():
        try:
            services.update_product(product=product, by=request.user, **form.cleaned_data)
        except services.SkuTaken as taken:
            form.add_error("sku", str(taken))
        else:
            return redirect(product)
    status = 422 if form.is_bound else 200
    context = {"form": form, "product": product}
    return render(request, "catalog/product_form.html", context, status=status)


@team_view(Right.EDIT_CATALOG)
@require_POST
def product_archive(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """Take a product off the list; it can be brought back."""
    product = get_object_or_404(Product.objects.for_team(request.team), pk=product_id)
    services.archive_product(product=product, by=request.user)
    messages.success(request, _("The product is archived."))
    return redirect("catalog:product_list", request.team.slug)


@team_view(Right.EDIT_CATALOG)
@require_POST
def product_restore(request: TeamRequest, product_id: uuid.UUID) -> HttpResponse:
    """Bring an archived product back."""
    product = get_object_or_404(Product, team=request.team, pk=product_id)
    try:
        services.restore_product(product=product, by=request.user)
    except services.SkuTaken as taken:
        messages.error(request, str(taken))
        return redirect("catalog:product_list", request.team.slug)
    return redirect(product)
