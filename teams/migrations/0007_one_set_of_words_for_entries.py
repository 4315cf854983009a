"""Let kinds of entries be called the same in the ledger of teams and in the admin."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('teams', '0006_entries_found_by_actor_and_kind'),
    ]

    operations = [
        migrations.AlterField(
            model_name='ledgerentry',
            name='kind',
            field=models.CharField(
                choices=[
                    ('grant', 'Granted'), ('hold', 'Held'), ('settle', 'Spent or returned'),
                    ('refund', 'Credited back'), ('expire', 'Ended'), ('adjust', 'Adjusted'),
                ],
                max_length=6,
            ),
        ),
    ]
