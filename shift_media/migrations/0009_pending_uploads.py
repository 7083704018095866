import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shift_media", "0008_upload_reservations"),
    ]

    operations = [
        migrations.CreateModel(
            name="PendingUpload",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        help_text="The media field, as app.Model.field.",
                        max_length=200,
                        verbose_name="source",
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True, verbose_name="key")),
                (
                    "staged",
                    models.CharField(
                        help_text="Where the file is until then.",
                        max_length=200,
                        unique=True,
                        verbose_name="staged key",
                    ),
                ),
                (
                    "sha256",
                    models.CharField(
                        blank=True,
                        help_text="As the client has announced it.",
                        max_length=64,
                        verbose_name="SHA-256",
                    ),
                ),
                ("size", models.PositiveBigIntegerField(verbose_name="size")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                (
                    "not_before",
                    models.DateTimeField(
                        db_index=True, default=django.utils.timezone.now, verbose_name="not before"
                    ),
                ),
                (
                    "created",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created"
                    ),
                ),
                ("last_error", models.TextField(blank=True, verbose_name="last error")),
            ],
            options={
                "verbose_name": "pending upload",
                "verbose_name_plural": "pending uploads",
                "ordering": ["not_before", "pk"],
            },
        ),
    ]
