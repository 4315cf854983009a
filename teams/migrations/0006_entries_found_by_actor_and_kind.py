"""Let the ledger's page find who made an entry, and the kinds of which there are few."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('teams', '0005_rights_of_operators'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['account', 'actor', 'seq'], name='teams_entry_by_actor'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(
                condition=models.Q(('d_held', 0)), fields=['account', 'kind', 'seq'],
                name='teams_entry_of_few',
            ),
        ),
    ]
