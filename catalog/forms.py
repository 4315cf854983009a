"""The form of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models import Product

if TYPE_CHECKING:  # Django's forms take no parameter at run time.
    _ProductForm = forms.ModelForm[Product]
else:
    _ProductForm = forms.ModelForm


class ProductForm(_ProductForm):
    """What a person tells about a product."""

    class Meta:
        model = Product
        fields = ["name", "sku", "category", "notes"]
        widgets = {
            "name": forms.TextInput(attrs={"autofocus": True}),
            "notes": forms.Textarea(attrs={"rows": 4}),
        }
        help_texts = {
            "sku": _("Your own article number. Each one is used once in the team."),
            "notes": _("For the team: fabric, fit, what to watch for."),
        }
