"""Django's registration of the app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GenerationConfig(AppConfig):
    """See the package docstring."""

    name = "generation"
    verbose_name = _("Generation")

    def ready(self) -> None:
        """Tell the catalog below which photos this app still needs."""
        from catalog.services import photo_guards
        from generation.services.launch import forbid_archiving

        if forbid_archiving not in photo_guards:
            photo_guards.append(forbid_archiving)
