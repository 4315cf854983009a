"""Django's registration of the app."""

from django.apps import AppConfig


class GenerationConfig(AppConfig):
    """See the package docstring."""

    name = "generation"
