"""The project's own app: commands and checks that belong to no domain package."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """Makes `config` an app, so that `serve`, `backup` and `restore` can live beside the settings."""

    name = "config"
    label = "project"
    verbose_name = "Diptych"
