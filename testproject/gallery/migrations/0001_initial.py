"""The table of pictures."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

import shift_media.fields


class Migration(migrations.Migration):
    """Create the table."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Photo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "image",
                    shift_media.fields.MediaField(max_bytes=25000000, metadata_field="image_meta"),
                ),
                ("image_meta", models.JSONField(default=dict, editable=False)),
                ("title", models.CharField(blank=True, max_length=200)),
                (
                    "alt",
                    models.CharField(
                        blank=True,
                        help_text="What the picture shows, for those who cannot see it.",
                        max_length=300,
                        verbose_name="description",
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ["-created", "-pk"]},
        ),
    ]
