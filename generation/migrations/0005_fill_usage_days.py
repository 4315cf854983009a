"""Count the jobs that ended before usage was counted, team by team.

The same reckoning as `generation/usage.py`: what neither cost nor made anything is left out, days
are those of the team's time zone, and of two presets the face counts.
"""

from zoneinfo import ZoneInfo, available_timezones

from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery

_ROWS = 2000


def fill(apps, schema_editor):
    """Write every team's sums anew; a second run gives the same rows."""
    Team = apps.get_model('teams', 'Team')
    UsageDay = apps.get_model('generation', 'UsageDay')
    known = available_timezones()
    for team in Team.objects.order_by('pk').values('pk', 'time_zone').iterator():
        zone = ZoneInfo(team['time_zone'] if team['time_zone'] in known else 'UTC')
        sums = {}
        for job in _ended_jobs(apps, team['pk']).iterator(chunk_size=_ROWS):
            day = job['finished_at'].astimezone(zone).date()
            for dimension, value in _values(job):
                if value is not None:
                    row = sums.setdefault((day, dimension, str(value)), [0, 0, 0])
                    row[0] += job['captured']
                    row[1] += job['outputs_delivered']
                    row[2] += 1
        UsageDay.objects.filter(team_id=team['pk']).delete()
        UsageDay.objects.bulk_create(
            (
                UsageDay(
                    team_id=team['pk'], day=day, dimension=dimension, value=value,
                    captured=captured, outputs=outputs, jobs=jobs,
                )
                for (day, dimension, value), (captured, outputs, jobs) in sorted(sums.items())
            ),
            batch_size=_ROWS,
        )


def _ended_jobs(apps, team):
    faces_first = (
        apps.get_model('generation', 'JobInput')
        .objects.filter(job=OuterRef('pk'), preset__isnull=False)
        .order_by('preset__kind', 'pk')
        .values('preset_id')[:1]
    )
    return (
        apps.get_model('generation', 'Job')
        .objects.filter(Q(captured__gt=0) | Q(outputs_delivered__gt=0), team_id=team)
        .filter(finished_at__isnull=False)
        .order_by()
        .annotate(preset=Subquery(faces_first, output_field=models.UUIDField()))
        .values(
            'finished_at', 'captured', 'outputs_delivered', 'operation', 'account__provider',
            'requested_by_id', 'product_id', 'preset',
        )
    )


def _values(job):
    return (
        ('operation', job['operation']),
        ('member', job['requested_by_id']),
        ('product', job['product_id']),
        ('preset', job['preset']),
        ('provider', job['account__provider']),
    )


class Migration(migrations.Migration):
    dependencies = [
        ('generation', '0004_what_a_pools_longest_time_means'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
