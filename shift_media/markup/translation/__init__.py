"""Templates that use the tags of other packages, translated into those of this app.

It is text in, text out: no file is read, and no tag of the other packages is imported. What does
the same here is replaced. What may look different is listed with the reason, and with a suggestion
if there is one.
"""

from __future__ import annotations

from shift_media.markup.translation.document import Translation, translate
from shift_media.markup.translation.options import Known
from shift_media.markup.translation.pieces import TagChange

__all__ = ["Known", "TagChange", "Translation", "translate"]
