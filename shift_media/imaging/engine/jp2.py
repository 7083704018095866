"""JPEG 2000 decoded by Pillow and its OpenJPEG, at a half, a quarter, … of its sides."""

from __future__ import annotations

from typing import Any

from PIL import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from shift_media.imaging.engine.codecs import IndependentImageFile
from shift_media.imaging.formats.base import ByteReader
from shift_media.imaging.formats.bmff import complete_boxes
from shift_media.imaging.formats.jp2_codestream import read_codestream


class Jp2Picture(Jpeg2KImageFile, IndependentImageFile):
    """A JPEG 2000 file as the header parser writes it."""

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Choose how often the sides are halved, so that they are no smaller than a size."""
        if size is None or not self.tile:
            return None
        most = min(self.size[0] // max(size[0], 1), self.size[1] // max(size[1], 1))
        levels = max(most, 1).bit_length() - 1
        if levels:
            levels = min(levels, self._levels())
        width, height = self.size
        self.reduce = levels
        return self.mode, (0, 0, width / 2**levels, height / 2**levels)

    def load(self) -> Any:
        """Decode the image, halved as often as chosen; raise `OSError` if it is broken."""
        if self.tile and self._reduce:
            half = 1 << self._reduce >> 1
            self._size = (
                (self.width + half) >> self._reduce,
                (self.height + half) >> self._reduce,
            )
            name, _, offset, args = self.tile[0]
            assert isinstance(args, tuple)  # noqa: S101 (set by Pillow when the file was opened)
            args = (args[0], self._reduce, self.layers, *args[3:])
            self.tile = [ImageFile._Tile(name, (0, 0, *self._size), offset, args)]
        return IndependentImageFile.load(self)

    def _levels(self) -> int:
        """Return how often all tiles can be halved."""
        reader: Any = ByteReader(self.fp)  # type: ignore[arg-type]  # a whole file
        data = next(box for box in complete_boxes(reader) if box.type == b"jp2c")
        return read_codestream(reader, data.content).levels
