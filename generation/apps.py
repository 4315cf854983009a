"""Django's registration of the app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GenerationConfig(AppConfig):
    """See the package docstring."""

    name = "generation"
    verbose_name = _("Generation")

    def ready(self) -> None:
        """Register the checks, and tell the layers below what jobs still need."""
        from catalog.services import photo_guards
        from generation import checks  # noqa: F401 - registers itself
        from generation.job_books import find_job_differences
        from generation.operators import desk, team_figures
        from generation.services.closing import cancel_unsent, has_unfinished
        from generation.services.launch import forbid_archiving
        from teams.ledger_check import further_checks
        from teams.lifecycle import work_cancellers, work_finders
        from teams.operator_desk import queues
        from teams.work_figures import last_moved, spent_since

        if forbid_archiving not in photo_guards:
            photo_guards.append(forbid_archiving)
        if cancel_unsent not in work_cancellers:
            work_cancellers.append(cancel_unsent)
            work_finders.append(has_unfinished)
        if find_job_differences not in further_checks:
            further_checks.append(find_job_differences)
        if team_figures.spent_since not in spent_since:
            spent_since.append(team_figures.spent_since)
            last_moved.append(team_figures.last_moved)
        if desk.refunds_asked_for not in queues:
            queues.append(desk.refunds_asked_for)
