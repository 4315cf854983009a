"""Text that comes from outside, made fit for a query."""

from __future__ import annotations

#: Characters of a search; longer input is cut.
LONGEST_SEARCH = 100


def clean_text(text: str) -> str:
    """The text without what PostgreSQL refuses: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode(errors="ignore").decode()


def search_words(text: str) -> str:
    """What a person searches for: cleaned, stripped, at most LONGEST_SEARCH characters."""
    return clean_text(text).strip()[:LONGEST_SEARCH].strip()
