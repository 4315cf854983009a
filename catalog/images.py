"""Reads, fits and shrinks pictures with Pillow; `catalog.masks` does it with masks.

Imports no Django: it runs in the limited child process of `catalog.limited`, never in a worker or
a web process. Only JPEG, PNG and WebP decoders are ever reached, whatever a file calls itself.
Everything written here is sRGB, upright, and carries no metadata.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

#: Smaller pictures show nothing of a product. Pixels, either side.
MIN_SIDE = 64
#: A larger colour profile is not used; the picture is then read as sRGB.
MAX_PROFILE_BYTES = 4 * 1024 * 1024

_QUALITIES = (95, 90, 85, 80, 75)
_SMALLER = 0.85
#: Fitting gives up below this. Pixels, longer side.
_LEAST_SENT = 8
_RENDITION_QUALITY = 82
_SRGB = ImageCms.createProfile("sRGB")
_SPACE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _(text: str) -> str:
    """Mark a sentence for translation, which is done where Django is."""
    return text


@dataclass(frozen=True)
class Picture:
    """A file that was decoded. Sides are pixels as people see them, turned as the file asks.

    A video is described by its first frame, and by how long it lasts.
    """

    format: str  # "jpeg", "png", "webp" or "mp4"
    width: int
    height: int
    average_colour: str  # "#rrggbb", transparent parts counted as white
    sha256: str
    bytes: int
    seconds: float | None = None  # of a video


class NotAPicture(Exception):
    """A file that is not taken.

    `sentence` tells a person why; it is `template % values`, so that it can be translated.
    """

    def __init__(self, template: str, **values: str | float) -> None:
        super().__init__(template, values)
        self.template = template
        self.values = values

    @property
    def sentence(self) -> str:
        """One sentence for people, in English."""
        return self.template % self.values


_UNREADABLE = _("This is not a picture that Diptych can read. It takes JPEG, PNG and WebP files.")
_FTYP_BRANDS = {
    b"avif": _(
        "This is an AVIF picture. Diptych takes JPEG, PNG and WebP: save it as one of these."
    ),
    b"heic": _(
        "This is a HEIC photo. Diptych takes JPEG, PNG and WebP: export the photo as JPEG, or on "
        "an iPhone choose Settings, Camera, Formats, Most Compatible."
    ),
    b"": _("This is a video. Diptych takes still pictures: JPEG, PNG and WebP."),
}
for _brand in (b"avis",):
    _FTYP_BRANDS[_brand] = _FTYP_BRANDS[b"avif"]
for _brand in (b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"):
    _FTYP_BRANDS[_brand] = _FTYP_BRANDS[b"heic"]
#: What the first box of a still picture says that is no JPEG, PNG or WebP.
STILL_BRANDS = frozenset(_FTYP_BRANDS) - {b""}
_TIFF = _("This is a TIFF or camera raw file. Diptych takes JPEG, PNG and WebP: export it as JPEG.")
_MAGIC = {
    b"GIF8": _("This is a GIF picture. Diptych takes JPEG, PNG and WebP: save it as one of these."),
    b"BM": _("This is a BMP picture. Diptych takes JPEG, PNG and WebP: save it as one of these."),
    b"II*\0": _TIFF,
    b"MM\0*": _TIFF,
    b"8BPS": _("This is a Photoshop file. Diptych takes JPEG, PNG and WebP: export it as JPEG."),
    b"%PDF": _("This is a PDF document. Diptych takes pictures: JPEG, PNG and WebP."),
    b"PK\x03\x04": _("This is a ZIP archive. Unpack it and upload the pictures in it."),
    b"\x89PNG": _("This PNG file was damaged on its way. Fetch it again from where it came from."),
}
_SVG = _("This is an SVG drawing. Diptych takes JPEG, PNG and WebP: export it as PNG.")
_TEXT = _("This is a text file, not a picture. Diptych takes JPEG, PNG and WebP.")


def inspect_picture(path: Path, *, max_bytes: int, max_pixels: int) -> Picture:
    """Decode a file completely and tell what it is. Raises NotAPicture.

    Size, type, pixel count and animation are judged before any pixel is decoded.
    """
    size = path.stat().st_size
    if size > max_bytes:
        raise NotAPicture(
            _("This file has %(have)s MB. Diptych takes up to %(limit)s MB."),
            have=-(-size // 2**20),
            limit=max_bytes // 2**20,
        )
    with opened(path, max_pixels=max_pixels) as image:
        format_ = _format(image)
        if min(image.size) < MIN_SIDE:
            raise NotAPicture(
                _(
                    "This picture has %(width)s by %(height)s pixels. "
                    "Use one with at least %(least)s pixels on each side."
                ),
                width=image.width,
                height=image.height,
                least=MIN_SIDE,
            )
        orientation = orientation_of(image)
        width, height = image.size if orientation < 5 else image.size[::-1]
        image.load()
        small = _in_srgb(_shrunk(image, 128), image.info.get("icc_profile"))
    return Picture(format_, width, height, average_colour_of(small), sha256_of(path), size)


def fit_picture(
    source: Path,
    to: Path,
    *,
    max_side: int,
    max_bytes: int,
    min_side: int = 1,
    formats: Sequence[str] = ("jpeg", "png", "webp"),
    max_pixels: int = 0,
) -> Picture:
    """Write the copy that goes to a provider: upright, sRGB, no metadata, within all limits.

    Never enlarged: a picture whose shorter side is, or would become, less than `min_side` pixels is
    refused. `formats` is what the receiver takes; the first that holds the picture best is chosen:
    PNG, then WebP, keep transparency where it is there and fits; all else becomes JPEG, on white.
    Quality goes down first, then size. Raises NotAPicture.
    """
    with opened(source, max_pixels=max_pixels) as image:
        upright = _upright(image, max_side)
    if min(upright.size) < min_side:
        raise NotAPicture(
            _(
                "This picture would be sent with %(width)s by %(height)s pixels, and %(least)s are "
                "needed on each side. Use a larger one, or one that is less long and narrow."
            ),
            width=upright.width,
            height=upright.height,
            least=min_side,
        )
    if upright.mode == "RGBA" and upright.getchannel("A").getextrema()[0] == 255:
        upright = upright.convert("RGB")
    choices = _choices(upright.mode, formats)
    while max(upright.size) >= _LEAST_SENT and min(upright.size) >= min_side:
        for format_, options in choices:
            data = _encoded(upright, format_, options)
            if len(data) <= max_bytes:
                return write(upright, to, format_, data)
        upright = upright.resize(
            (max(1, int(upright.width * _SMALLER)), max(1, int(upright.height * _SMALLER))),
            Image.Resampling.LANCZOS,
        )
    raise NotAPicture(_("This picture cannot be made small enough to be sent on."))


def make_rendition(source: Path, to: Path, *, max_side: int, max_pixels: int = 0) -> Picture:
    """Write a WebP of at most `max_side` pixels on its longer side; never enlarges."""
    return make_renditions(source, [(to, max_side)], max_pixels=max_pixels)[0]


def make_renditions(
    source: Path, targets: Sequence[tuple[Path, int]], *, max_pixels: int = 0
) -> list[Picture]:
    """Write several WebP renditions from one decode, in the order of `targets`."""
    with opened(source, max_pixels=max_pixels) as image:
        upright = _upright(image, max(side for __, side in targets))
    return write_renditions(upright, targets)


def write_renditions(image: Image.Image, targets: Sequence[tuple[Path, int]]) -> list[Picture]:
    """Write WebP renditions of decoded pixels, in the order of `targets`; may shrink `image`."""
    made = {}
    for to, side in sorted(targets, key=lambda target: -target[1]):
        image = _shrunk(image, side)
        options = {"quality": _RENDITION_QUALITY, "method": 4}
        made[to] = write(image, to, "webp", _encoded(image, "webp", options))
    return [made[to] for to, __ in targets]


@contextmanager
def opened(path: Path, *, max_pixels: int) -> Iterator[Image.Image]:
    """Open a file for decoding, or raise NotAPicture; so does whatever fails inside the block."""
    with path.open("rb") as file:
        head = file.read(1024)
    kind = _kind(head)
    Image.MAX_IMAGE_PIXELS = max_pixels or None
    try:
        with warnings.catch_warnings():
            # Up to twice the limit Pillow only warns, and decodes.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as image:
                # The second picture of an MPO is a depth or brightness map, or the other eye's.
                if getattr(image, "is_animated", False) and image.format != "MPO":
                    raise NotAPicture(
                        _("This picture moves. Diptych takes still ones: save one frame of it.")
                    )
                yield image
    except NotAPicture:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise NotAPicture(
            _("This picture has more than %(limit)s megapixels. Make it smaller and try again."),
            limit=max_pixels // 1_000_000,
        ) from None
    except MemoryError:
        raise NotAPicture(
            _("This picture needs more memory than there is. Make it smaller and try again.")
        ) from None
    # The parsers of hostile files raise whatever they like, down to struct.error and SyntaxError.
    except Exception as error:
        if "MAX_TEXT" in str(error):
            raise NotAPicture(
                _("This PNG carries far too much text. Save it again without its metadata.")
            ) from error
        raise NotAPicture(
            _("This %(kind)s file is damaged or incomplete. Export or fetch it again."), kind=kind
        ) from error


def _kind(head: bytes) -> str:
    """Name the type by content; raise NotAPicture with the cure for all that are not taken."""
    if not head:
        raise NotAPicture(_("This file is empty."))
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        raise NotAPicture(_FTYP_BRANDS.get(head[8:12], _FTYP_BRANDS[b""]))
    for magic, template in _MAGIC.items():
        if head.startswith(magic):
            raise NotAPicture(template)
    if len(head) > 3 and not any(byte < 9 or 13 < byte < 32 for byte in head):
        raise NotAPicture(_SVG if b"<svg" in head else _TEXT)
    raise NotAPicture(_UNREADABLE)


def _format(image: Image.Image) -> str:
    return "jpeg" if image.format in {"JPEG", "MPO"} else str(image.format).lower()


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or the block is broken."""
    try:
        value = int(image.getexif().get(0x0112, 1))
    except Exception:  # A broken EXIF block is no reason to refuse the pixels.
        return 1
    return value if value in _TURNS else 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture turned and mirrored as an EXIF orientation of 1 to 8 says."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _upright(image: Image.Image, max_side: int) -> Image.Image:
    """Return the pixels as people should see them: fitted, sRGB (RGB or RGBA), turned, bare."""
    orientation = orientation_of(image)
    profile = image.info.get("icc_profile")
    # Shrinking comes first: a JPEG then is decoded at a fraction of its size.
    result = turned(_in_srgb(_shrunk(image, max_side), profile), orientation)
    result.info = {}  # Pillow would write comment, profile and transparency from here.
    return result


def _shrunk(image: Image.Image, max_side: int) -> Image.Image:
    """Return an 8-bit picture of at most `max_side` pixels on its longer side, never 0.

    May shrink `image` itself: an opened JPEG then decodes at a half, a quarter or an eighth.
    """
    image = eight_bit(image)
    if max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    image.load()  # Before the file is closed.
    return image


def eight_bit(image: Image.Image) -> Image.Image:
    """Return the same pixels as L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow would clip 16-bit grey at 255 instead of scaling it.
        return image.convert("I").point(lambda value: value / 257).convert("L")
    if image.mode == "CMYK" or (image.mode in {"RGB", "L"} and not image.has_transparency_data):
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return RGB or RGBA in sRGB; a profile that cannot be used is passed over."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            mode = _SPACE_MODES.get(source.profile.xcolor_space.strip(), "")
            pixels = image.convert("RGB") if alpha else image
            if pixels.mode == mode:
                converted = ImageCms.profileToProfile(
                    pixels,
                    source,
                    _SRGB,
                    renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                    outputMode="RGB",
                    flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
                )
                if converted is not None:
                    image = converted
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass
    if alpha is not None:
        image = image.convert("RGB")
        image.putalpha(alpha)
        return image
    return image.convert("RGB") if image.mode != "RGB" else image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def average_colour_of(image: Image.Image) -> str:
    """The mean of all pixels as "#rrggbb", transparent parts counted as white."""
    mean = _on_white(image).resize((1, 1), Image.Resampling.BOX)
    pixel = mean.convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)  # noqa: S101 - it is RGB
    return "#{:02x}{:02x}{:02x}".format(*(int(value) for value in pixel))


def _choices(mode: str, formats: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """The encodings to try at one size, best first."""
    # Without `optimize`: Pillow then needs the whole file in one buffer, too small for a grainy one.
    jpeg = [("jpeg", {"quality": q, "subsampling": 0}) for q in _QUALITIES[:2]]
    jpeg += [("jpeg", {"quality": q}) for q in _QUALITIES[2:]]
    webp = [("webp", {"quality": q, "method": 2}) for q in _QUALITIES]
    png: list[tuple[str, dict[str, Any]]] = [("png", {})]
    order = [*png, *webp, *jpeg] if mode == "RGBA" else [*jpeg, *webp, *png]
    return [choice for choice in order if choice[0] in formats]


def _encoded(image: Image.Image, format_: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    (_on_white(image) if format_ == "jpeg" else image).save(buffer, format_.upper(), **options)
    return buffer.getvalue()


def write(image: Image.Image, to: Path, format_: str, data: bytes) -> Picture:
    """Write the encoded bytes of a picture to a path and describe them."""
    to.write_bytes(data)
    checksum = hashlib.sha256(data).hexdigest()
    return Picture(
        format_, image.width, image.height, average_colour_of(image), checksum, len(data)
    )


def sha256_of(path: Path) -> str:
    """The checksum of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
