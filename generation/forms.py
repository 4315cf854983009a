"""Forms of launches and decisions: what may be chosen, in which words it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models import Asset
from generation.models import Decision, Output, Preset, ProviderAccount
from generation.operations import Input, InputKind
from teams.models import Team

_REQUIRED = {
    InputKind.PHOTO: _("Choose a photo."),
    InputKind.MASK: _("Choose a mask."),
    InputKind.MODEL_PRESET: _("Choose a model."),
    InputKind.SCENE_PRESET: _("Choose a scene."),
    InputKind.AI_BACKGROUND_PRESET: _("Choose a background."),
    InputKind.BACKGROUND_PRESET: _("Choose a background."),
}
_GONE = {
    InputKind.PHOTO: _("This photo is not available any more. Choose another."),
    InputKind.MASK: _("This mask is not available any more. Choose another."),
    InputKind.MODEL_PRESET: _("This model is not offered any more. Choose another."),
    InputKind.SCENE_PRESET: _("This scene is not offered any more. Choose another."),
    InputKind.AI_BACKGROUND_PRESET: _("This background is not offered any more. Choose another."),
    InputKind.BACKGROUND_PRESET: _("This background is not offered any more. Choose another."),
}


class LaunchForm(forms.Form):
    """The inputs of one operation, each under its own name, and the key that makes it count once."""

    request_key = forms.UUIDField(
        error_messages={
            "required": _("The form is incomplete. Reload the page and launch again."),
            "invalid": _("The form is incomplete. Reload the page and launch again."),
        }
    )
    #: The price that the page showed; without it the price of the moment is taken.
    price = forms.IntegerField(
        required=False,
        min_value=0,
        localize=False,
        error_messages={
            "invalid": _("The form is incomplete. Reload the page and launch again."),
            "min_value": _("The form is incomplete. Reload the page and launch again."),
        },
    )

    def __init__(
        self, data: Any = None, *, team: Team, inputs: Sequence[Input], account: ProviderAccount
    ) -> None:
        super().__init__(data)
        self.inputs = inputs
        for entry in inputs:
            self.fields[entry.name] = _input_field(entry, team, account)

    def chosen(self) -> dict[str, Asset | Preset]:
        """The chosen pictures and presets by the name of their input."""
        values = {entry.name: self.cleaned_data.get(entry.name) for entry in self.inputs}
        return {name: value for name, value in values.items() if value is not None}


def _input_field(entry: Input, team: Team, account: ProviderAccount) -> forms.ModelChoiceField[Any]:
    rows: Any
    if entry.kind.is_picture:
        rows = (
            Asset.objects.for_team(team)
            .photos()
            .filter(product__archived_at=None)
            .select_related("product")
        )
    else:
        rows = Preset.objects.offered(account, entry.kind)
    return forms.ModelChoiceField(
        rows,
        required=entry.required,
        error_messages={
            "required": _REQUIRED[entry.kind],
            "invalid_choice": _GONE[entry.kind],
        },
    )


class DecisionForm(forms.Form):
    """A verdict about one result. Changes need a reason or a comment to act on."""

    verdict = forms.ChoiceField(
        choices=[
            (choice.value, choice.label)
            for choice in Output.Verdict
            if choice is not Output.Verdict.WAITING
        ]
    )
    version = forms.IntegerField(required=False, min_value=0)
    override = forms.BooleanField(required=False)
    reasons = forms.MultipleChoiceField(choices=Decision.Reason.choices, required=False)
    comment = forms.CharField(required=False, max_length=1000)

    def clean(self) -> dict[str, Any]:
        """Refuse a request for changes that does not say which."""
        cleaned = super().clean() or self.cleaned_data
        if (
            cleaned.get("verdict") == Output.Verdict.CHANGES_REQUESTED
            and not cleaned.get("reasons")
            and not cleaned.get("comment")
        ):
            self.add_error(
                "comment", _("Say what should change: pick a reason or write a comment.")
            )
        return cleaned


class RefundForm(forms.Form):
    """Why a team wants the credits of a result back."""

    reason = forms.CharField(
        label=_("What is wrong with it?"),
        max_length=300,
        error_messages={"required": _("Say what is wrong with the result.")},
    )


class ResolveForm(forms.Form):
    """What a team may do with a job that the provider does not answer for."""

    action = forms.ChoiceField(
        choices=[("run_again", ""), ("give_up", "")],
        error_messages={
            "required": _("Choose what to do."),
            "invalid_choice": _("Choose what to do."),
        },
    )
    #: The submit that the page told of.
    attempt = forms.IntegerField(required=False, localize=False)
