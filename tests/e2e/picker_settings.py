"""A site of one page with the picker, under a strict Content-Security-Policy."""

from __future__ import annotations

from testproject.settings import *  # noqa: F403 (the settings of the gallery, but for these)

ROOT_URLCONF = "tests.e2e.picker_urls"
SHIFT_MEDIA = {
    "UPLOADS": dict.fromkeys(
        ["gallery.Photo.image", "gallery.AlbumPicture.file"], "tests.e2e.picker_urls.may_upload"
    )
}
