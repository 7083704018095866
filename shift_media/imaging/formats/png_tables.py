"""The palette of a PNG and its transparency, as browsers read them (11.2.2 and 11.3.1.1)."""

from __future__ import annotations

from typing import Final

from shift_media.core.errors import Undecodable

_PALETTE: Final = 3
"""The colour type whose pixels are numbers of the palette."""
_WITHOUT_PALETTE: Final = (0, 4)
_ENTRY_BYTES: Final = 3
_MAX_ENTRIES: Final = 256
_COLOR_BYTES: Final = {0: 2, 2: 6}
"""Bytes of the one transparent colour, by colour type."""


class Tables:
    """Which of the chunks ``PLTE`` and ``tRNS`` count. Browsers ignore the others.

    Args:
        header: the 13 bytes of ``IHDR``.
    """

    def __init__(self, header: bytes) -> None:
        self._depth, self._color = header[8], header[9]
        self._entries = 0
        self.is_transparent = False

    def take(self, type: bytes, length: int) -> bool:
        """Return True if a chunk counts; raise `Undecodable` for a palette that is damaged."""
        if type == b"PLTE":
            return self._take_palette(length)
        takes = not self.is_transparent and self._is_transparency(length)
        self.is_transparent |= takes
        return takes

    def require_palette(self) -> None:
        """Raise `Undecodable` if the pixels are numbers of a palette that is missing."""
        if self._color == _PALETTE and not self._entries:
            raise Undecodable("The PNG has no palette before its image data.")

    def _take_palette(self, length: int) -> bool:
        entries, rest = divmod(length, _ENTRY_BYTES)
        takes = not rest and 0 < entries <= _MAX_ENTRIES and not self._entries
        if not takes and self._color == _PALETTE:
            raise Undecodable(f"The PNG has a second palette, or one of {length} bytes.")
        if takes:
            self._entries = entries
        return takes and self._color not in _WITHOUT_PALETTE

    def _is_transparency(self, length: int) -> bool:
        if self._color == _PALETTE:
            return 0 < length <= min(self._entries, 1 << self._depth)
        return length == _COLOR_BYTES.get(self._color)
