from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shift_media", "0007_codecs"),
    ]

    operations = [
        migrations.CreateModel(
            name="UploadReservation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True, verbose_name="key")),
                ("owner", models.CharField(db_index=True, max_length=255, verbose_name="owner")),
                ("size", models.PositiveBigIntegerField(verbose_name="size")),
                ("expires", models.DateTimeField(db_index=True, verbose_name="expires")),
            ],
            options={
                "verbose_name": "upload reservation",
                "verbose_name_plural": "upload reservations",
            },
        ),
    ]
