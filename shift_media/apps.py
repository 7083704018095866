"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import pre_delete
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


class ShiftMediaConfig(AppConfig):
    """Photos and videos of a site's users."""

    name = "shift_media"
    verbose_name = _("Media")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and what follows deletions and completed jobs.

        Also register what lower layers call without importing it: the files of tickets for form
        inputs, and the keys that imports hold for the sweep; and the serializer field of a media
        field, if Django REST framework is installed.
        """
        from shift_media import checks, direct, widgets  # noqa: F401
        from shift_media.deletion.followers import register_follower
        from shift_media.deletion.holding import register_holder
        from shift_media.fields.ahead import prepare_poster
        from shift_media.fields.pending import held_by_pending
        from shift_media.fields.posters import note_poster
        from shift_media.importing.claims import held_by_imports
        from shift_media.signals import transcode_completed
        from shift_media.transcoding import services
        from shift_media.transcoding.models import TranscodeJob

        register_follower("transcoding", services.delete_jobs)
        register_holder("importing", held_by_imports)
        register_holder("pending", held_by_pending)
        widgets.register_tickets(direct.file_of_ticket)
        if apps.is_installed("rest_framework"):
            import_string("shift_media.contrib.rest_framework.register")()
        for follow_up in (note_poster, prepare_poster):  # Resizes are made of the noted poster.
            transcode_completed.connect(
                lambda job, follow_up=follow_up, **kwargs: follow_up(job),
                weak=False,
                dispatch_uid=f"{__name__}.{follow_up.__name__}",
            )
        pre_delete.connect(services.cancel_deleted, sender=TranscodeJob, dispatch_uid=__name__)
