from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shift_media", "0009_pending_uploads"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsedTicket",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "staged",
                    models.CharField(max_length=200, unique=True, verbose_name="staged key"),
                ),
                ("expires", models.DateTimeField(db_index=True, verbose_name="expires")),
            ],
            options={
                "verbose_name": "used ticket",
                "verbose_name_plural": "used tickets",
            },
        ),
        migrations.AddField(
            model_name="uploadreservation",
            name="completing",
            field=models.BooleanField(default=False, verbose_name="completing"),
        ),
    ]
