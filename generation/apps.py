"""Django's registration of the app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GenerationConfig(AppConfig):
    """See the package docstring."""

    name = "generation"
    verbose_name = _("Generation")

    def ready(self) -> None:
        """Register the checks, and tell the catalog which photos are still needed."""
        from catalog.services import photo_guards
        from generation import checks  # noqa: F401 - registers itself
        from generation.services.launch import forbid_archiving

        if forbid_archiving not in photo_guards:
            photo_guards.append(forbid_archiving)
