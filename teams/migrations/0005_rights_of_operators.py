"""Permissions that let an operator do one thing with teams and credits, and not every other."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("teams", "0004_grants_of_older_balances")]

    operations = [
        migrations.AlterModelOptions(
            name="creditaccount",
            options={
                "permissions": [
                    ("grant_credits", "Can grant credits to teams"),
                    ("adjust_credits", "Can correct balances and end grants"),
                    ("refund_credits", "Can credit back what jobs spent"),
                ]
            },
        ),
        migrations.AlterModelOptions(
            name="team",
            options={
                "ordering": ["name"],
                "permissions": [
                    ("suspend_team", "Can suspend teams and let them work again"),
                    ("close_team", "Can close teams"),
                ],
            },
        ),
    ]
