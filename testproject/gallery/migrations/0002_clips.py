"""The table of videos."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

import shift_media.fields


class Migration(migrations.Migration):
    """Create the table."""

    dependencies: ClassVar = [("gallery", "0001_initial")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Clip",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "video",
                    shift_media.fields.MediaField(
                        accept=["video/mp4", "video/quicktime", "video/webm"],
                        max_bytes=500000000,
                        metadata_field="video_meta",
                        transcode="web",
                    ),
                ),
                ("video_meta", models.JSONField(default=dict, editable=False)),
                ("title", models.CharField(blank=True, max_length=200)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ["-created", "-pk"]},
        ),
    ]
