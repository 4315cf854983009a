"""Parts of a small copy of a photo: connected regions, holes, and back to the photo's size."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

_SIDE = 288
"""Longest side, in pixels, of the copy on which regions are found."""


def small_copy(photo: Image.Image) -> Image.Image:
    """The photo reduced to the size on which regions are found."""
    scale = min(1.0, _SIDE / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.resize(size, Image.Resampling.BOX)


def enlarged(mask: Image.Image, size: tuple[int, int], blur: float) -> Image.Image:
    """A small mask in the photo's size, its edge softened by `blur` small pixels."""
    return mask.filter(ImageFilter.GaussianBlur(blur)).resize(size, Image.Resampling.BICUBIC)


def wider(mask: Image.Image, pixels: int) -> Image.Image:
    """The mask with its white grown by so many pixels to all sides, quickly."""
    return mask.filter(ImageFilter.BoxBlur(pixels)).point([0] + [255] * 255)


def share(mask: Image.Image) -> float:
    """How much of a mask is plain white (0 to 1)."""
    return mask.histogram()[255] / (mask.width * mask.height)


def runs(mask: Image.Image) -> list[tuple[int, int]]:
    """The white stretches of a mask row by row, as the indexes of first pixel and end."""
    pixels = mask.point([0] * 128 + [255] * 128).tobytes()
    width, found = mask.width, []
    for row in range(0, len(pixels), width):
        end, start = row + width, pixels.find(255, row, row + width)
        while start >= 0:
            stop = pixels.find(0, start, end)
            stop = end if stop < 0 else stop
            found.append((start, stop))
            start = pixels.find(255, stop, end)
    return found


def _connected(mask: Image.Image) -> list[list[tuple[int, int]]]:
    """The white stretches of each connected part, in the order of their first ones."""
    found, width = runs(mask), mask.width
    group = list(range(len(found)))

    def first_of(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    above = 0
    for number, (start, stop) in enumerate(found):
        # Stretches of the row above end before this one starts, touch it, or start after its end.
        while found[above][1] <= start - width:
            above += 1
        other = above
        while other < number and found[other][0] < stop - width:
            one, two = first_of(number), first_of(other)
            group[max(one, two)] = min(one, two)
            other += 1
    gathered: dict[int, list[tuple[int, int]]] = {}
    for number, run in enumerate(found):
        gathered.setdefault(first_of(number), []).append(run)
    return list(gathered.values())


def parts(mask: Image.Image) -> list[list[int]]:
    """The connected white parts, each as the indexes of its pixels in their order."""
    return [
        [index for start, stop in part for index in range(start, stop)] for part in _connected(mask)
    ]


def mask_of(part: list[int], size: tuple[int, int]) -> Image.Image:
    """White at the pixels with these indexes."""
    pixels = bytearray(size[0] * size[1])
    for index in part:
        pixels[index] = 255
    return Image.frombytes("L", size, bytes(pixels))


def outline(part: list[int], width: int) -> list[int]:
    """The pixels of a part that touch something else."""
    own = set(part)
    return [i for i in part if not own.issuperset((i - width, i + width, i - 1, i + 1))]


def thickness(part: list[int], width: int) -> float:
    """About how many pixels across a part is where it is long: area over half its outline."""
    return 2 * len(part) / max(1, len(outline(part, width)))


def large_parts(mask: Image.Image, least: float) -> Image.Image:
    """The connected white parts that cover at least this share of the picture."""
    kept = bytearray(mask.width * mask.height)
    for part in parts(mask):
        if len(part) >= least * len(kept):
            for index in part:
                kept[index] = 255
    return Image.frombytes("L", mask.size, bytes(kept))


def without_holes(mask: Image.Image) -> Image.Image:
    """The mask with every black part that does not reach its rim made white, the bottom apart."""
    framed = Image.new("L", (mask.width + 2, mask.height + 1), 255)
    framed.paste(ImageChops.invert(mask), (1, 1))
    outside = reached(framed)
    return ImageChops.invert(outside.crop((1, 1, mask.width + 1, mask.height + 1)))


def reached(mask: Image.Image) -> Image.Image:
    """The white part that the top left pixel belongs to, alone."""
    pixels = bytearray(mask.width * mask.height)
    for part in _connected(mask):
        if part[0][0] == 0:
            for start, stop in part:
                pixels[start:stop] = b"\xff" * (stop - start)
    return Image.frombytes("L", mask.size, bytes(pixels))
