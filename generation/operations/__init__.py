"""What a team can ask for: the table, and the words that it is written in."""

from generation.operations.table import OPERATIONS
from generation.operations.types import (
    Ask,
    Fault,
    Fit,
    Input,
    InputKind,
    Offer,
    Operation,
    Option,
    OptionKind,
    Quote,
    Result,
)

__all__ = [
    "OPERATIONS",
    "Ask",
    "Fault",
    "Fit",
    "Input",
    "InputKind",
    "Offer",
    "Operation",
    "Option",
    "OptionKind",
    "Quote",
    "Result",
]
