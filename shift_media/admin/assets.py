"""The scripts and style sheets of the admin's pages."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from shift_media.markup.players import PLAYER, player_attributes

ASSETS: Final = forms.Media(
    css={"all": ["shift_media/media-input.css", "shift_media/admin.css"]},
    js=["shift_media/admin.js"],
)


def player_assets() -> forms.Media:
    """Return the script of the player, as the settings and the language of the request have it."""
    script: Any = forms.Script(PLAYER, **player_attributes())
    return forms.Media(js=[script])
