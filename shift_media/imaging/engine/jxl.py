"""JPEG XL decoded in a sandbox (extra ``jxl``), and shrunk while its pixels are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

from PIL import Image

from shift_media.core.errors import Undecodable
from shift_media.imaging.engine import color
from shift_media.imaging.engine.codecs import IndependentImageFile
from shift_media.imaging.formats.base import ByteReader, Header, SourceLimits
from shift_media.imaging.formats.jxl import read_codestream_header
from shift_media.imaging.formats.png import PNG
from shift_media.sandbox import jxl

_PIXEL_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "L": ("gray", "gray16le"),
    "LA": ("ya8", "ya16le"),
    "RGB": ("rgb24", "rgb48le"),
    "RGBA": ("rgba", "rgba64le"),
}
"""ffmpeg's names of the pixels of a mode with 8 and with 16 bits."""
_BYTE: Final = 8
_FINER: Final = 2
"""How many times finer than the size to draft at least the picture is left, as that of a HEIC."""
_BAND_PIXELS: Final = 1_000_000


class JxlPicture(IndependentImageFile):
    """The first frame of a codestream, upright, and in sRGB once it is loaded."""

    format = "JXL"

    @staticmethod
    def check_installed() -> None:
        """Raise `MissingExtra` if this machine has no decoder."""
        jxl.find_program()

    def _open(self) -> None:
        header = read_codestream_header(ByteReader(self._file()))
        self._size = header.upright_size
        self._mode = ("L" if header.grey else "RGB") + ("A" if header.alpha else "")
        self._is_deep = header.bits > _BYTE
        self._as_decoded = self.mode[:-1] + "a" if header.premultiplied else self.mode
        self._factor = 1
        self._is_loaded = False

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Choose by what whole number the sides are divided."""
        if size is None or self._is_loaded:
            return None
        most = min(self.width // max(size[0], 1), self.height // max(size[1], 1))
        self._factor = max(1, most // _FINER)
        return self.mode, (0, 0, self.width / self._factor, self.height / self._factor)

    def load(self) -> Any:
        """Decode the picture; raise `Undecodable` if it is broken or exceeds its limits."""
        if not self._is_loaded:
            pixel_format = _PIXEL_FORMATS[self.mode][self._is_deep]
            with jxl.decoded(self._file(), pixel_format) as files:
                image = _to_srgb(self._read(files.pixels), files.colors)
            self._is_loaded, self.fp = True, None
            self.im, self._mode, self._size = image.im, image.mode, image.size
        return Image.Image.load(self)

    def _file(self) -> BinaryIO:
        return cast(BinaryIO, cast(IO[bytes], self.fp))

    def _read(self, path: Path) -> Image.Image:
        """Return the pixels of a file of all rows, shrunk band by band."""
        stride = self.width * len(self.mode) * (2 if self._is_deep else 1)
        if path.stat().st_size != stride * self.height:
            raise Undecodable(f"The decoder made {path.stat().st_size} bytes of the JPEG XL.")
        factor, (width, height) = self._factor, self.size
        rows = max(1, _BAND_PIXELS // (width * factor)) * factor
        canvas = Image.new(self._as_decoded, (-(-width // factor), -(-height // factor)))
        with path.open("rb") as file:
            for top in range(0, height, rows):
                count = min(rows, height - top)
                content = file.read(count * stride)
                if self._is_deep:
                    content = content[1::2]  # the high bytes
                band = Image.frombytes(self._as_decoded, (width, count), content)
                canvas.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
        return canvas.convert(self.mode)


def _to_srgb(image: Image.Image, colors: Path) -> Image.Image:
    """Convert pixels to sRGB from the colours that a PNG of theirs has."""
    with colors.open("rb") as file:
        header: Header = PNG.read_header(ByteReader(file), SourceLimits())
        return color.to_srgb(image, color.read_profile(file, header), header.color_space)
