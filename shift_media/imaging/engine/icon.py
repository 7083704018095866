"""The bitmap of an icon: its pixels, and the mask of those that are transparent."""

from __future__ import annotations

from typing import IO, Final, cast

from PIL import Image, ImageChops, ImageFile
from PIL.BmpImagePlugin import BmpImageFile

_DEEP: Final = "BGRA"


class IconImageFile(BmpImageFile):
    """A BMP behind whose pixels a mask follows, one bit a pixel.

    Pixels of 32 bits have their own alpha. If it is 0 throughout, the mask holds, as in icons of
    before Windows XP.
    """

    def _open(self) -> None:
        super()._open()
        name, extents, offset, args = self.tile[0]
        raw = args[0] if isinstance(args, tuple) else args
        stride, direction = (args[1], args[2]) if isinstance(args, tuple) else (0, -1)
        self._mask_offset = offset + stride * self.height
        if raw in ("BGRX", _DEEP):
            self._mode = "RGBA"
            self.tile = [ImageFile._Tile(name, extents, offset, (_DEEP, stride, direction))]

    def load_end(self) -> None:
        """Put the mask, or the alpha, into the picture."""
        picture = self._new(self.im)
        if picture.mode != "RGBA" or picture.getchannel("A").getextrema() == (0, 0):
            mask = self._read_mask()
            picture = picture.convert("RGBA")
            picture.putalpha(mask)
        self._mode, self.im, self.palette = "RGBA", picture.im, None

    def _read_mask(self) -> Image.Image:
        """Return the alpha that the mask gives: opaque where its bit is not set."""
        stride = (self.width + 31) // 32 * 4
        file = cast("IO[bytes]", self.fp)
        file.seek(self._mask_offset)
        content = file.read(stride * self.height)
        if len(content) < stride * self.height:
            return Image.new("L", self.size, 255)  # 32 bits without a mask
        mask = Image.frombytes("1", self.size, content, "raw", "1", stride, -1)
        return ImageChops.invert(mask.convert("L"))
