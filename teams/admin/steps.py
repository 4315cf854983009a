"""Acts of an operator in two steps: a form, then what it would do, to confirm or to go back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from teams.models import User


@dataclass(frozen=True, slots=True)
class Change:
    """What one team can spend before and after, in credits. `after` None: it stays as it is."""

    team: str
    now: int
    after: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a form would do: a sentence, balances, facts by name, and the button that does it."""

    sentence: str
    button: str
    changes: list[Change] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    warning: str = ""


@dataclass
class Step:
    """One page of an act. `subject` is the row it belongs to, None for none."""

    request: HttpRequest
    model: type[Model]
    subject: Model | None
    title: str
    form: forms.Form
    lead: str = ""
    action: str = ""
    button: str = ""
    preview: Preview | None = None
    rows: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_sent(self) -> bool:
        """Whether the form came and is in order."""
        return self.request.method == "POST" and self.form.is_valid()

    @property
    def is_confirmed(self) -> bool:
        """Whether it came from the preview, to be done."""
        return "confirm" in self.request.POST

    @property
    def wants_preview(self) -> bool:
        """Whether it came from the form, and not back from the preview."""
        return "back" not in self.request.POST

    def show(self) -> HttpResponse:
        """The page as it stands."""
        meta = self.model._meta
        names = f"admin:{meta.app_label}_{meta.model_name}"
        trail = [(capfirst(str(meta.verbose_name_plural)), reverse(f"{names}_changelist"))]
        if self.subject is not None:
            trail.append((str(self.subject), reverse(f"{names}_change", args=[self.subject.pk])))
        context: dict[str, Any] = {
            **admin.site.each_context(self.request),
            "opts": meta,
            "title": self.title,
            "step": self,
            "form": self.form,
            "preview": self.preview,
            "trail": trail,
        }
        return TemplateResponse(self.request, "admin/teams/step.html", context)


def operator_of(request: HttpRequest) -> User:
    """Who sits before the page; the admin lets nobody else in."""
    return cast(User, request.user)


def require(request: HttpRequest, permission: str) -> None:
    """Answer 403 to operators without the permission of this app."""
    if not request.user.has_perm(f"teams.{permission}"):
        raise PermissionDenied
