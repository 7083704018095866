"""TIFF decoded by Pillow and its libtiff, without Pillow's globals."""

from __future__ import annotations

from typing import IO, Any, Final, cast

from PIL import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from shift_media.imaging.engine.codecs import IndependentImageFile

_LIBTIFF: Final = "libtiff"


class TiffPicture(TiffImageFile, IndependentImageFile):
    """A TIFF of one directory without orientation, as the header parser writes it."""

    def load(self) -> Any:
        """Decode the image; raise `OSError` if its data ends early."""
        return IndependentImageFile.load(self)

    def load_prepare(self) -> None:
        """Make the image; Pillow's own method obeys ``Image.MAX_IMAGE_PIXELS``."""
        ImageFile.ImageFile.load_prepare(self)

    def load_end(self) -> None:
        """Turn nothing: the header parser has read the orientation."""

    def _decode(self, decoder: Any) -> None:
        if self.tile[0].codec_name != _LIBTIFF:
            super()._decode(decoder)
            return
        file = cast("IO[bytes]", self.fp)
        file.seek(0)
        status = decoder.decode(file.read())[1]
        if status < 0:
            raise OSError(f"decoder error {status}")
