"""What is checked before anything is spent: every input and option, in sentences that name the cure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from catalog.limited import DecoderFailed
from catalog.models import Asset, Product
from catalog.services import check_mask
from catalog.storage import StorageError
from generation.models import Preset, ProviderAccount
from generation.operations import Ask, Input, InputKind, Offer, Option, OptionKind
from teams.models import Team

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class LaunchRefused(Exception):
    """The job cannot be launched; nothing was written.

    `sentence` says what to do about it, `field` names the input at fault ("" for the whole form).
    """

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


def check_inputs(
    team: Team,
    product: Product | None,
    account: ProviderAccount,
    offer: Offer,
    inputs: Mapping[str, Asset | Preset],
) -> None:
    """Raise LaunchRefused for an input that is missing, unknown or unfit.

    Masks are read last, in a child process, since that takes longest.
    """
    for name in inputs:
        if offer.input(name) is None:
            raise LaunchRefused(
                _("%(offer)s takes no input called %(name)s.")
                % {"offer": offer.label, "name": name},
                name,
            )
    for entry in offer.inputs:
        value = inputs.get(entry.name)
        if value is None:
            if entry.required:
                raise LaunchRefused(
                    _("%(input)s is missing. Choose one.") % {"input": entry.label}, entry.name
                )
        elif entry.kind.is_picture:
            _check_picture(team, offer, entry, value)
        else:
            _check_preset(account, entry, value)
    _check_belongs(product, inputs)
    for entry in offer.inputs:
        mask, picture = inputs.get(entry.name), inputs.get(entry.mask_of)
        if not isinstance(mask, Asset) or not isinstance(picture, Asset):
            continue
        if entry.kind is InputKind.MASK and (fault := _mask_fault(mask, picture)):
            raise LaunchRefused(fault, entry.name)


def check_together(
    offer: Offer, inputs: Mapping[str, Asset | Preset], options: Mapping[str, Any]
) -> None:
    """Raise LaunchRefused where checked inputs and options are each fine and do not go together."""
    if offer.check is None:
        return
    pictures = {name: value for name, value in inputs.items() if isinstance(value, Asset)}
    sizes = {name: (picture.width, picture.height) for name, picture in pictures.items()}
    if fault := offer.check(Ask(options, frozenset(inputs)), sizes):
        raise LaunchRefused(fault.sentence, fault.field)


def _mask_fault(mask: Asset, picture: Asset) -> str:
    try:
        return check_mask(mask, picture)
    except DecoderFailed as exc:
        return exc.sentence
    except StorageError:
        return _("The mask could not be read. Try again, or upload it anew.")


def check_options(offer: Offer, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they will be sent: defaults filled in, values of the right type.

    Raises LaunchRefused for one that is missing, unknown or out of bounds.
    """
    known = {option.name: option for option in offer.options}
    for name in options:
        if name not in known:
            raise LaunchRefused(
                _("%(offer)s takes no setting called %(name)s.")
                % {"offer": offer.label, "name": name},
                name,
            )
    checked: dict[str, Any] = {}
    for option in offer.options:
        given = options.get(option.name)
        value = option.default if given in (None, "") else _read(option, given)
        if value is None:
            if option.required:
                raise LaunchRefused(
                    _("%(option)s is missing. Fill it in.") % {"option": _named(option)},
                    option.name,
                )
            continue
        checked[option.name] = value
    return checked


def _read(option: Option, given: Any) -> Any:
    match option.kind:
        case OptionKind.TEXT:
            return _text(option, given)
        case OptionKind.CHOICE:
            for value, _label in option.choices:
                if str(value) == str(given):
                    return value
            raise _refused(option, _one_of(option))
        case OptionKind.NUMBER:
            return _number(option, given)
        case OptionKind.COLOUR:
            if not isinstance(given, str) or not _COLOUR.fullmatch(given):
                raise _refused(option, _("Write a colour such as #80c699."))
            return given.lower()
        case OptionKind.FLAG:
            if str(given).lower() not in ("true", "false", "on", "off", "1", "0"):
                raise _refused(option, _("Say yes or no."))
            return str(given).lower() in ("true", "on", "1")


def _one_of(option: Option) -> str:
    """The values of a choice, as they are given, with the words that a form shows for them."""
    told = [
        str(value) if str(value) == str(label) else f"{value} ({label})"
        for value, label in option.choices
    ]
    return _("Choose one of %(values)s.") % {"values": ", ".join(told)}


def _text(option: Option, given: Any) -> str | None:
    text = " ".join(str(given).replace("\0", "").split())
    if option.most_letters and len(text) > option.most_letters:
        raise _refused(
            option,
            _("It has %(count)d characters; %(most)d are the most. Shorten it.")
            % {"count": len(text), "most": option.most_letters},
        )
    return text or None


def _number(option: Option, given: Any) -> float | int:
    is_whole = all(float(bound).is_integer() for bound in (option.least, option.most))
    try:
        number = int(str(given)) if is_whole else float(str(given))
        fits = option.least <= number <= option.most
    except ValueError:
        fits = False
    if not fits:
        raise _refused(
            option,
            _("Write a number from %(least)g to %(most)g.")
            % {"least": option.least, "most": option.most},
        )
    return number


def _refused(option: Option, sentence: str) -> LaunchRefused:
    return LaunchRefused(f"{_named(option)}: {sentence}", option.name)


def _named(option: Option) -> str:
    """An option by its label, as forms show it, and by its name, as commands take it."""
    return f"{capfirst(str(option.label))} ({option.name})"


def _check_belongs(product: Product | None, inputs: Mapping[str, Asset | Preset]) -> None:
    """One of the pictures must be the product's; others may come from anywhere in the team."""
    pictures = {name: value for name, value in inputs.items() if isinstance(value, Asset)}
    if product is None or not pictures:
        return
    if all(picture.product_id != product.pk for picture in pictures.values()):
        raise LaunchRefused(
            _("This photo belongs to another product. Choose one of this product's photos."),
            next(iter(pictures)),
        )


def _check_picture(team: Team, offer: Offer, entry: Input, value: Asset | Preset) -> None:
    if not isinstance(value, Asset) or value.team_id != team.pk or value.archived_at is not None:
        raise LaunchRefused(
            _("%(input)s was archived. Choose another one.") % {"input": entry.label}, entry.name
        )
    if value.format not in (Asset.Format.JPEG, Asset.Format.PNG, Asset.Format.WEBP):
        raise LaunchRefused(
            _("%(input)s is a %(format)s file. Choose a JPEG, PNG or WebP picture.")
            % {"input": entry.label, "format": value.get_format_display()},
            entry.name,
        )
    if entry.kind is InputKind.MASK:
        return  # It must have the size of its picture, whose sides are looked at.
    fit = offer.fit_of(entry)
    ratio = value.width / value.height
    if fit.ratio and not fit.ratio[0] <= ratio <= fit.ratio[1]:
        raise LaunchRefused(
            _(
                "%(input)s is %(width)d by %(height)d pixels, too narrow for %(offer)s: its sides "
                "may differ by a factor of %(most).1f at most. Crop it or choose another one."
            )
            % {
                "input": entry.label,
                "width": value.width,
                "height": value.height,
                "offer": offer.label,
                "most": fit.ratio[1],
            },
            entry.name,
        )
    shorter, longer = sorted((value.width, value.height))
    left = shorter * min(1.0, fit.max_side / longer)
    if left < fit.min_side:
        raise LaunchRefused(
            _(
                "%(input)s is %(width)d by %(height)d pixels, which leaves a shorter side of "
                "%(side)d pixels for the provider. It needs at least %(least)d. Upload a larger "
                "or less narrow picture."
            )
            % {
                "input": entry.label,
                "width": value.width,
                "height": value.height,
                "side": int(left),
                "least": fit.min_side,
            },
            entry.name,
        )


def _check_preset(account: ProviderAccount, entry: Input, value: Asset | Preset) -> None:
    if not isinstance(value, Preset) or value.kind != entry.kind:
        raise LaunchRefused(
            _("%(input)s must be chosen from its list.") % {"input": entry.label}, entry.name
        )
    if value.account_id != account.pk or value.withdrawn_at is not None:
        raise LaunchRefused(
            _("%(name)s is no longer offered. Choose another one.") % {"name": value}, entry.name
        )
