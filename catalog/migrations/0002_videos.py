from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0001_initial'),
        ('teams', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='asset',
            name='seconds',
            field=models.FloatField(blank=True, help_text='How long a video lasts.', null=True),
        ),
        migrations.AlterField(
            model_name='asset',
            name='format',
            field=models.CharField(choices=[('jpeg', 'JPEG'), ('png', 'PNG'), ('webp', 'WebP'), ('mp4', 'MP4')], max_length=4),
        ),
        migrations.AlterField(
            model_name='rendition',
            name='format',
            field=models.CharField(choices=[('jpeg', 'JPEG'), ('png', 'PNG'), ('webp', 'WebP'), ('mp4', 'MP4')], max_length=4),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('format', 'mp4'), ('seconds__gt', 0), ('seconds__isnull', False)), models.Q(models.Q(('format', 'mp4'), _negated=True), ('seconds', None)), _connector='OR'), name='catalog_asset_videos_last'),
        ),
    ]
