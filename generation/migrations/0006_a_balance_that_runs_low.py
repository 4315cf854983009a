"""Keep when operators were told that a balance runs low."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0005_fill_usage_days"),
    ]

    operations = [
        migrations.AddField(
            model_name="provideraccount",
            name="balance_low_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When operators were told that it runs low; empty once it rose again.",
                null=True,
            ),
        ),
    ]
