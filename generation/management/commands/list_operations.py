"""`manage.py list_operations`: what `run_job` can run, with the inputs and settings of each offer."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Collection
from typing import Any

from django.core.management.base import BaseCommand

from generation.operations import OPERATIONS, Offer, Option, OptionKind, Quote
from generation.prices import prices_at
from generation.providers.registry import LABELS, configured_providers, is_offered


class Command(BaseCommand):
    """See the module docstring."""

    help = "List the operations, who offers them, their prices, inputs and settings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name one operation to see it alone."""
        parser.add_argument("operation", nargs="?", choices=sorted(OPERATIONS))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the table."""
        configured, prices = configured_providers(), prices_at()
        for operation in OPERATIONS.values():
            if options["operation"] in (None, operation.name):
                self.stdout.write(f"{operation.name}: {operation.label}. {operation.description}")
                for offer in operation.offers:
                    quote = prices.quote(operation.name, offer)
                    self._tell(offer, quote, configured)
                self.stdout.write("")

    def _tell(self, offer: Offer, quote: Quote, configured: Collection[str]) -> None:
        marks = "" if offer.is_confirmed else ", unconfirmed"
        marks += "" if is_offered(offer, configured) else ", not offered now"
        self.stdout.write(
            f"  --offer {offer.name}  ({LABELS[offer.provider]}, {quote.outputs} x {quote.unit} "
            f"credits as it stands{marks})"
        )
        for entry in offer.inputs:
            kind = "picture file" if entry.kind.is_picture else "preset"
            kind = f"mask of {entry.mask_of}" if entry.mask_of else kind
            needed = "" if entry.required else ", optional"
            self.stdout.write(f"    --input {entry.name}=…  {entry.label}: {kind}{needed}")
        for option in offer.options:
            self.stdout.write(f"    --set {option.name}={_values(option)}  {option.label}")


def _values(option: Option) -> str:
    """What a setting takes, the default in brackets."""
    match option.kind:
        case OptionKind.CHOICE:
            told = "|".join(str(value) for value, _label in option.choices)
        case OptionKind.NUMBER:
            told = f"{option.least:g}…{option.most:g}"
        case OptionKind.COLOUR:
            told = "#rrggbb"
        case OptionKind.FLAG:
            told = "true|false"
        case OptionKind.TEXT:
            told = "TEXT"
    if option.default is not None:
        return f"{told} [{option.default}]"
    return told if option.required else f"{told} (optional)"
