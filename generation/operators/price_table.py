"""The table of prices: each offer's price for teams beside the provider's own, and rules to come.

What the provider charges is the formula of the offer. Both are counted in credits, of the team and
of the provider: two currencies, so a margin compares their numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from generation.models import PriceRule
from generation.operations import OPERATIONS, Ask, Offer, Operation, Option, OptionKind
from generation.operations.types import Text
from generation.prices import ALL, PriceList, name_of, prices_at, unit_by
from generation.providers.registry import LABELS, configured_providers, is_offered

MOST_RULES = 50
"""Rules to come that are shown; the list of all has the rest."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of something that the price depends on: its words, options and inputs."""

    words: Text
    options: Mapping[str, Any]
    inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PriceOf:
    """Credits per result with some settings: for teams, and at the provider."""

    words: str
    team: int
    provider: int
    is_usual: bool

    @property
    def margin(self) -> int:
        """By how much the team's credits are more."""
        return self.team - self.provider

    @property
    def margin_percent(self) -> int | None:
        """The same of the provider's, in per cent, rounded down; None where that is free."""
        return self.margin * 100 // self.provider if self.provider else None


@dataclass(frozen=True, slots=True)
class OfferPrices:
    """One offer with its prices now."""

    name: str
    operation: Operation
    offer: Offer
    provider: str
    is_offered: bool
    outputs: int
    prices: tuple[PriceOf, ...]
    rule: PriceRule | None
    coming: tuple[PriceRule, ...]

    @property
    def usual(self) -> PriceOf:
        """The price with the settings that nobody touched."""
        return next(price for price in self.prices if price.is_usual)

    @property
    def team_span(self) -> tuple[int, int]:
        """The least and the highest that teams pay."""
        return _ends(price.team for price in self.prices)

    @property
    def provider_span(self) -> tuple[int, int]:
        """The least and the highest that the provider charges."""
        return _ends(price.provider for price in self.prices)

    @property
    def is_below_provider(self) -> bool:
        """Whether teams pay fewer credits than the provider charges, with any settings."""
        return any(price.margin < 0 for price in self.prices)

    @property
    def label(self) -> str:
        """Operation and offer in words."""
        return label_of(self.name)


@dataclass(frozen=True, slots=True)
class PricePage:
    """Everything on the page. `coming` are rules of the future, the soonest first."""

    offers: tuple[OfferPrices, ...]
    in_force: tuple[PriceRule, ...]
    coming: tuple[PriceRule, ...]


@dataclass(frozen=True, slots=True)
class PriceMove:
    """What a rule would do to one offer: the least and the highest price per result."""

    label: str
    before: tuple[int, int]
    after: tuple[int, int]
    provider: tuple[int, int]

    @property
    def is_below_provider(self) -> bool:
        """Whether teams would pay fewer credits than the provider charges."""
        return self.after[0] < self.provider[0] or self.after[1] < self.provider[1]


def read_prices(at: datetime) -> PricePage:
    """The page at a moment, in a constant number of queries."""
    prices = prices_at(at)
    waiting = PriceRule.objects.filter(withdrawn_at=None, effective_at__gt=at)
    coming = tuple(waiting.order_by("effective_at", "pk")[:MOST_RULES])
    configured = configured_providers()
    return PricePage(
        offers=tuple(_offer_prices(*row, prices, coming, configured) for row in _every_offer()),
        in_force=tuple(sorted(prices.rules.values(), key=lambda rule: (rule.offer, rule.pk))),
        coming=coming,
    )


def moves_of(rule: PriceRule, at: datetime) -> list[PriceMove]:
    """Which prices a rule that is not saved would change at its moment, `at`."""
    before = prices_at(at)
    after = before.with_rule(rule)
    moves = []
    for operation, offer in _every_offer():
        old, new = _span(operation, offer, before), _span(operation, offer, after)
        if old != new:
            provider = _span(operation, offer, PriceList({}))
            moves.append(PriceMove(label_of(name_of(operation.name, offer)), old, new, provider))
    return moves


def label_of(name: str) -> str:
    """What a rule is for, in words: "Swap fashion model, FASHN"."""
    if name == ALL:
        return _("All offers without a rule of their own")
    operation, _slash, offer_name = name.partition("/")
    row = OPERATIONS.get(operation)
    offer = row.offer(offer_name) if row else None
    if row is None or offer is None:
        return name
    return f"{row.label}, {offer.label}"


def words_of(rule: PriceRule) -> str:
    """What a rule says."""
    if rule.unit is not None:
        words = ngettext("%(unit)d credit per result", "%(unit)d credits per result", rule.unit)
        return words % {"unit": rule.unit}
    return _("%(percent)d %% of the provider's price") % {"percent": rule.percent}


def asks_of(offer: Offer) -> list[tuple[str, Ask]]:
    """Every combination of settings that the price depends on, in words; the usual one first."""
    needed = frozenset(entry.name for entry in offer.inputs if entry.required)
    defaults = offer.defaults()
    asks = []
    for chosen in product(*_choices(offer, Ask(defaults, needed))):
        options = dict(defaults)
        inputs = needed
        for choice in chosen:
            options.update(choice.options)
            inputs |= choice.inputs
        words = ", ".join(str(choice.words) for choice in chosen if choice.words)
        asks.append((words, Ask(options, inputs)))
    return asks


def _every_offer() -> Iterator[tuple[Operation, Offer]]:
    for operation in OPERATIONS.values():
        for offer in operation.offers:
            yield operation, offer


def _offer_prices(
    operation: Operation,
    offer: Offer,
    prices: PriceList,
    coming: tuple[PriceRule, ...],
    configured: Collection[str],
) -> OfferPrices:
    name = name_of(operation.name, offer)
    rows = [
        PriceOf(
            words=words,
            team=prices.quote(operation.name, offer, ask).unit,
            provider=offer.price.unit(ask),
            is_usual=number == 0,
        )
        for number, (words, ask) in enumerate(asks_of(offer))
    ]
    return OfferPrices(
        name=name,
        operation=operation,
        offer=offer,
        provider=LABELS.get(offer.provider, offer.provider),
        is_offered=is_offered(offer, configured),
        outputs=offer.quote().outputs,
        prices=tuple(rows),
        rule=prices.rule_for(operation.name, offer),
        coming=tuple(rule for rule in coming if rule.offer == name),
    )


def _choices(offer: Offer, usual: Ask) -> list[list[Choice]]:
    """The values of each setting and optional picture that changes the price, the usual first."""
    found = []
    for option in offer.options:
        if option.kind is OptionKind.CHOICE and option.default is not None:
            choices = _values(option)
            if _moves_the_price(offer, usual, choices):
                found.append(choices)
    for entry in offer.inputs:
        if not entry.required:
            with_it = Choice(
                gettext_lazy("with %(input)s") % {"input": str(entry.label).lower()},
                {},
                frozenset({entry.name}),
            )
            if _moves_the_price(offer, usual, [with_it]):
                found.append([Choice("", {}), with_it])
    return found


def _values(option: Option) -> list[Choice]:
    choices = [Choice(label, {option.name: value}) for value, label in option.choices]
    # Sorting keeps the order otherwise.
    return sorted(choices, key=lambda choice: choice.options[option.name] != option.default)


def _moves_the_price(offer: Offer, usual: Ask, choices: list[Choice]) -> bool:
    units = {offer.price.unit(usual)}
    for choice in choices:
        ask = Ask({**usual.options, **choice.options}, usual.inputs | choice.inputs)
        units.add(offer.price.unit(ask))
    return len(units) > 1


def _span(operation: Operation, offer: Offer, prices: PriceList) -> tuple[int, int]:
    rule = prices.rule_for(operation.name, offer)
    formulas = [offer.price.unit(ask) for _words, ask in asks_of(offer)]
    units = [unit_by(rule, unit) if rule else unit for unit in formulas]
    return _ends(units)


def _ends(numbers: Iterable[int]) -> tuple[int, int]:
    known = list(numbers)
    return min(known), max(known)
