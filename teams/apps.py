"""Django's registration of the app."""

from django.apps import AppConfig


class TeamsConfig(AppConfig):
    """See the package docstring."""

    name = "teams"
