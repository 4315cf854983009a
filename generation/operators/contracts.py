"""What is offered on an assumption: contracts that no page of a vendor confirms, and prices."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings

from generation.operations import OPERATIONS, Offer, Operation
from generation.operations.types import Text


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """One offer, what about it is assumed, and whether teams can launch it now.

    `assumed` are words about what is left open where its contract and its price are not assumed
    as a whole.
    """

    operation: Operation
    offer: Offer
    is_contract_assumed: bool
    is_price_assumed: bool
    assumed: tuple[Text, ...]
    is_offered: bool


def unconfirmed_offers(configured: Collection[str]) -> list[Unconfirmed]:
    """The rows of the table that rest on an assumption. `configured` are providers with a key."""
    return [
        Unconfirmed(
            operation=operation,
            offer=offer,
            is_contract_assumed=not offer.is_confirmed,
            is_price_assumed=offer.price.is_assumed,
            assumed=assumed,
            is_offered=offer.provider in configured
            and (offer.is_confirmed or settings.UNCONFIRMED_OPERATIONS),
        )
        for operation in OPERATIONS.values()
        for offer in operation.offers
        if (assumed := _left_open(offer)) or not offer.is_confirmed or offer.price.is_assumed
    ]


def _left_open(offer: Offer) -> tuple[Text, ...]:
    told = (offer.assumed, *(option.assumed for option in offer.options))
    return tuple(words for words in told if words)
