"""Albums and their pictures."""

import django.db.models.deletion
from django.db import migrations, models

import shift_media.fields


class Migration(migrations.Migration):
    """Create the two tables."""

    dependencies = [
        ("gallery", "0002_clips"),
    ]

    operations = [
        migrations.CreateModel(
            name="Album",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-created", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="AlbumPicture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("file_meta", models.JSONField(default=dict, editable=False)),
                (
                    "alt",
                    models.CharField(
                        blank=True,
                        help_text="What the picture shows, for those who cannot see it.",
                        max_length=300,
                        verbose_name="description",
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=200, verbose_name="title")),
                ("position", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "properties",
                    models.JSONField(default=dict, editable=False),
                ),
                (
                    "file",
                    shift_media.fields.MediaField(max_bytes=25000000, metadata_field="file_meta"),
                ),
                (
                    "album",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pictures",
                        to="gallery.album",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "pk"],
                "abstract": False,
            },
        ),
    ]
