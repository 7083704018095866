from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shift_media", "0006_priority"),
    ]

    operations = [
        migrations.AddField(
            model_name="rendition",
            name="codecs",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="As in the type of a source in HTML: avc1.64001f,mp4a.40.2",
                max_length=100,
                verbose_name="codecs",
            ),
        ),
    ]
