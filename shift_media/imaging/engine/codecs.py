"""Pillow's codecs without the globals of Pillow, which belong to the whole process.

A project may set ``ImageFile.LOAD_TRUNCATED_IMAGES``, ``Image.MAX_IMAGE_PIXELS``,
``GifImagePlugin.LOADING_STRATEGY`` or ``AvifImagePlugin.DECODE_CODEC_CHOICE``, and other packages
register decoders and savers in place of Pillow's. None of that may change which originals are
accepted or which bytes are made, and none of it is written here, because other threads rely on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from io import BytesIO
from pkgutil import resolve_name
from types import ModuleType
from typing import IO, Any, Final, cast

from PIL import Image, ImageFile, _imaging
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, putchunk
from PIL.WebPImagePlugin import WebPImageFile

from shift_media.core.errors import Undecodable

Box = tuple[int, int, int, int]

BLOCK: Final = 65_536
"""Bytes that a decoder is given at once."""


class EndMissing(Undecodable):
    """The data of a JPEG ends before its end marker."""


class IndependentImageFile(ImageFile.ImageFile):
    """An image file that is loaded as `ImageFile.load` does, by Pillow's own decoders alone."""

    def load(self) -> _imaging.PixelAccess | None:
        """Decode the image; raise `OSError` if its data ends early."""
        if not self.tile:
            return Image.Image.load(self)
        self.load_prepare()
        for name, extents, offset, args in sorted(self.tile, key=lambda tile: tile[2]):
            self._seek_data(offset)
            decoder = _core_decoder(name)(self.mode, *_as_tuple(args), *self.decoderconfig)
            try:
                decoder.setimage(self.im, extents)
                self._decode(decoder)
            finally:
                decoder.cleanup()
        self.tile = []
        self.load_end()
        self.fp = None
        return Image.Image.load(self)

    def start_decoder(self) -> Any:
        """Return a new decoder of an image whose data is in one piece, which its caller feeds."""
        self.load_prepare()
        name, extents, _, args = self.tile[0]
        decoder = _core_decoder(name)(self.mode, *_as_tuple(args), *self.decoderconfig)
        decoder.setimage(self.im, extents)
        return decoder

    def _seek_data(self, offset: int) -> None:
        getattr(self, "load_seek", cast(Any, self.fp).seek)(offset)

    def _read_data(self) -> bytes:
        read = getattr(self, "load_read", cast(Any, self.fp).read)
        return cast(bytes, read(BLOCK))

    def _decode(self, decoder: Any) -> None:
        """Call a decoder with the data until it is done; raise `OSError` if it fails."""
        if decoder.pulls_fd:
            decoder.setfd(self.fp)
            status = decoder.decode(b"")[1]
        else:
            rest, consumed = b"", 0
            while consumed >= 0:
                content = self._read_data()
                if not content:
                    self._end_data(len(rest))
                    return
                rest += content
                consumed, status = decoder.decode(rest)
                rest = rest[max(consumed, 0) :]
        if status < 0:
            raise OSError(f"decoder error {status}")

    def _end_data(self, left: int) -> None:
        """Raise `OSError`: the data has ended, and the decoder wants more."""
        raise OSError(f"the image data ends early ({left} bytes not processed)")


class _Jpeg(JpegImageFile, IndependentImageFile):
    def _read_data(self) -> bytes:
        # `load_read` would add an end marker to a file that is cut short.
        return cast(IO[bytes], self.fp).read(BLOCK)

    def _end_data(self, left: int) -> None:
        """Raise `EndMissing`: no JPEG is decoded to its end without its end marker."""
        raise EndMissing(f"The JPEG ends early ({left} bytes not processed).")


class _Png(PngImageFile, IndependentImageFile):
    def load_end(self) -> None:
        """Read nothing behind the image data: the header parser has done so."""


class _Gif(GifImageFile, IndependentImageFile):
    """A GIF of one frame, which keeps its palette."""

    def _open(self) -> None:
        super()._open()
        if self._frame_transparency is not None:
            self.info["transparency"] = self._frame_transparency

    def load_end(self) -> None:
        """Convert nothing, whatever the loading strategy."""

    def find_data_end(self, blocks: Sequence[bytes]) -> tuple[int, int] | None:
        """Return the sub-block with the last pixel, and how many bytes of it lead to that pixel.

        None if the pixels need all of the data. Raises `OSError` if the decoder refuses it.
        """
        last = self._feed(blocks)
        if last is None:
            return None
        single = [bytes((1, byte)) for byte in blocks[last][1:]]
        byte = self._feed([b"".join(blocks[:last]), *single])
        return last, len(single) if byte is None else byte

    def _feed(self, pieces: Sequence[bytes]) -> int | None:
        """Return the piece with which a new decoder is done, by its index; None if none is."""
        decoder = self.start_decoder()
        try:
            rest = b""
            for index, piece in enumerate(pieces):
                rest += piece
                consumed, status = decoder.decode(rest)
                if status < 0:
                    raise OSError(f"decoder error {status}")
                if consumed < 0:
                    return index
                rest = rest[consumed:]
        finally:
            decoder.cleanup()
        return None


class _WebP(WebPImageFile, IndependentImageFile):
    def _open(self) -> None:
        codec = _import_codec("WEBP")
        self._decoder = codec.WebPAnimDecoder(cast(IO[bytes], self.fp).read())
        self._size, _, _, self.n_frames, self.rawmode = self._decoder.get_info()
        self._mode = "RGB" if self.rawmode == "RGBX" else self.rawmode
        self.is_animated = self.n_frames > 1
        self._reset(reset=False)


class _Avif(AvifImageFile, IndependentImageFile):
    def _open(self) -> None:
        content = cast(IO[bytes], self.fp).read()
        self._decoder = _import_codec("AVIF").AvifDecoder(content, "auto", _count_processors())
        self._size, self.n_frames, self._mode, *_ = self._decoder.get_info()
        self.is_animated = self.n_frames > 1
        self.seek(0)


class _Bmp(BmpImageFile, IndependentImageFile):
    """A BMP without ``BmpImagePlugin.USE_RAW_ALPHA``, whose run lengths are read from memory."""

    def _open(self) -> None:
        super()._open()
        name, extents, offset, args = self.tile[0]
        if name == "raw" and self.info["compression"] == 0 and self.mode == "RGBA":
            self._mode = "RGB"
            raw = ("BGRX", *_as_tuple(args)[1:])
            self.tile = [ImageFile._Tile(name, extents, offset, raw)]

    def load_prepare(self) -> None:
        if self.tile[0].codec_name != "raw":
            file = cast(IO[bytes], self.fp)
            file.seek(0)
            self.fp = BytesIO(file.read())
        super().load_prepare()


_CODECS: Final = {"WEBP": "PIL._webp", "AVIF": "PIL._avif"}
"""The modules that a Pillow built from source may lack, by its name of the format."""


def _import_codec(format: str) -> ModuleType:
    """Return the module of a codec; raise `OSError` if Pillow was built without it."""
    try:
        return import_module(_CODECS[format])
    except ImportError as error:
        raise OSError(f"Pillow was built without {format}") from error


def _count_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


_INDEPENDENT: Final[Mapping[type[ImageFile.ImageFile], type[IndependentImageFile]]] = {
    JpegImageFile: _Jpeg,
    PngImageFile: _Png,
    GifImageFile: _Gif,
    WebPImageFile: _WebP,
    AvifImageFile: _Avif,
    BmpImageFile: _Bmp,
}


@cache
def independent(plugin: type[ImageFile.ImageFile]) -> type[IndependentImageFile]:
    """Return the class that opens and loads what a plugin does, without the globals of Pillow.

    A plugin that is not in the table may still read globals when it opens a file.
    """
    if issubclass(plugin, IndependentImageFile):
        return plugin
    known = _INDEPENDENT.get(plugin)
    return known or type(plugin.__name__, (plugin, IndependentImageFile), {})


def open_gif(file: IO[bytes]) -> _Gif:
    """Open a GIF of one frame."""
    return _Gif(file)


def open_jpeg(file: IO[bytes]) -> _Jpeg:
    """Open a JPEG."""
    return _Jpeg(file)


def _core_decoder(name: str) -> Callable[..., Any]:
    """Return a decoder of Pillow's own; a registered one only under a name that Pillow lacks."""
    decoder: Callable[..., Any] | None = getattr(_imaging, f"{name}_decoder", None)
    return decoder or Image.DECODERS[name]


def _as_tuple(args: Any) -> tuple[Any, ...]:
    if args is None:
        return ()
    return args if isinstance(args, tuple) else (args,)


def crop(image: Image.Image, box: Box) -> Image.Image:
    """Return a box of an image; `Image.crop` obeys ``Image.MAX_IMAGE_PIXELS``."""
    image.load()
    return image._new(image.im.crop(box))


_SAVERS: Final = {
    "JPEG": "PIL.JpegImagePlugin:_save",
    "PNG": "PIL.PngImagePlugin:_save",
    "GIF": "PIL.GifImagePlugin:_save",
    "WEBP": "PIL.WebPImagePlugin:_save",
    "AVIF": "PIL.AvifImagePlugin:_save",
}
"""Pillow's own savers, by its name of the format; `Image.save` takes the registered one."""


def save(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:
    """Return an image in a format of Pillow; all frames of it with the option ``save_all``."""
    output = BytesIO()
    if format not in _SAVERS:
        image.save(output, format, **options)
        return output.getvalue()
    saver = _SAVERS[format] + ("_all" if options.pop("save_all", False) else "")
    if format in _CODECS:
        _import_codec(format)
    settings = {"chunk": _ChunkWriter()} if format == "PNG" else {}
    image.load()
    image.encoderinfo, image.encoderconfig = options, ()
    resolve_name(saver)(image, output, "", **settings)
    return output.getvalue()


class _ChunkWriter:
    """Writes the chunks of a PNG, with all data in one: ``ImageFile.MAXBLOCK`` would divide it."""

    def __init__(self) -> None:
        self._data: list[bytes] = []

    def __call__(self, file: IO[bytes], type: bytes, *content: bytes) -> None:
        if type == b"IDAT":
            self._data += content
            return
        if type == b"IEND":
            putchunk(file, b"IDAT", *self._data)
        putchunk(file, type, *content)
