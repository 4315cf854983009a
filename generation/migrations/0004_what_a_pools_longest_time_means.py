"""Say what a pool's longest time means. No column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0003_prices_usage_and_refunds"),
    ]

    operations = [
        migrations.AlterField(
            model_name="pool",
            name="max_task_seconds",
            field=models.PositiveIntegerField(
                default=900,
                help_text=(
                    "How long a task may run. A job that is silent for longer counts as lost: its "
                    "place is freed, and its task is asked for every ten minutes."
                ),
            ),
        ),
    ]
