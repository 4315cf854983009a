"""What sets the picture of a face apart, as weights over its cells: how light, how reddish.

The weights are those of two logistic regressions: nine photographed faces and the drawn presets,
moved, turned and mirrored, against windows of some forty pictures without a face there. So few
faces make a sandbox's detector, not a general one: faces that look straight ahead are found in
other photos as well, covered or turned ones less surely. The sum over a window, whose cells have
mean 0 and deviation 1, is the log odds of a face.
"""

from __future__ import annotations

from dataclasses import dataclass

SPAN, LEFT, TOP = 2.0, -1.0, -0.68
"""Side, left and top of a window in half widths of the face around the point between the eyes."""

_UNIT = 0.001


@dataclass(frozen=True, slots=True)
class Pattern:
    """Weights of the cells, row by row, for lightness and for colour (red over blue)."""

    offset: float
    light: tuple[float, ...]
    colour: tuple[float, ...]


def _unfold(*rows: str) -> tuple[float, ...]:
    """Whole rows from their left halves: a face is as good in the mirror."""
    values: list[float] = []
    for row in rows:
        half = [int(word) * _UNIT for word in row.split()]
        values += [*half, *reversed(half)]
    return tuple(values)


COARSE = Pattern(
    offset=-4.942,
    light=_unfold(
        "-98 -64 136 208 15",
        "-85 -64 21 -84 -14",
        "-159 74 -161 -141 158",
        "-125 149 -201 -344 208",
        "-138 158 125 94 234",
        "-29 224 208 -53 115",
        "23 40 63 -132 -105",
        "37 -113 -21 22 2",
        "128 -22 -148 -69 -33",
        "-122 -47 73 46 12",
    ),
    colour=_unfold(
        "-167 27 1 25 92",
        "-8 -20 -133 38 204",
        "-117 51 -51 96 103",
        "30 139 -462 -266 24",
        "-36 146 55 9 -73",
        "-60 84 146 124 14",
        "-32 62 23 6 73",
        "1 -58 121 78 90",
        "-132 -48 10 2 -100",
        "-195 -95 -22 92 108",
    ),
)
"""10 x 10 cells: finds the places that are worth a closer look."""

FINE = Pattern(
    offset=-7.262,
    light=_unfold(
        "-67 16 -13 7 44 100 89 92 79",
        "23 -49 -57 -27 72 66 0 4 -47",
        "-70 -16 -7 30 -114 -117 -98 -98 -46",
        "-30 -63 -46 46 97 128 176 148 128",
        "53 -73 27 62 -67 -106 -187 -94 24",
        "-22 -128 84 -68 -97 -95 -39 -57 7",
        "-93 -68 130 -74 -76 -87 3 42 67",
        "-62 -49 58 -22 53 30 -45 0 27",
        "-68 5 27 53 101 89 80 52 45",
        "-81 88 81 107 73 50 -5 -30 111",
        "12 19 85 79 48 60 -116 -67 -61",
        "25 -22 -5 59 -16 -10 8 -27 63",
        "50 -14 14 17 -12 -58 -9 -65 -68",
        "55 -52 -55 -3 57 -2 -40 6 6",
        "55 15 -38 -25 -10 -41 -23 72 87",
        "-7 6 9 -32 -47 -34 -12 -67 -69",
        "-45 -14 -12 -20 1 21 24 8 -29",
        "-43 -28 -52 36 41 28 17 12 43",
    ),
    colour=_unfold(
        "-108 -53 -32 -18 12 50 37 8 14",
        "-3 34 44 48 31 29 15 -9 15",
        "-25 11 -2 -61 -140 -98 -1 32 58",
        "-52 -66 -39 -14 9 24 77 56 19",
        "-20 -17 40 86 69 21 17 45 7",
        "-31 7 73 -60 -225 -88 -24 66 21",
        "-30 4 93 -71 -235 -181 -108 24 33",
        "-10 35 81 64 56 31 -11 -10 -38",
        "-5 17 30 45 63 79 28 -49 -53",
        "-52 20 24 -20 -4 73 48 -38 -88",
        "32 12 6 -21 -14 61 60 104 110",
        "24 9 -6 25 13 -14 -51 8 41",
        "-8 -10 25 71 3 -51 -62 -43 10",
        "-71 -22 10 48 39 29 65 89 86",
        "-82 -15 -20 9 24 21 0 -29 -124",
        "-65 5 -35 -16 29 -4 -35 -46 -27",
        "-57 -28 -25 -33 41 63 43 89 98",
        "-82 -77 -14 -26 -5 8 9 15 47",
    ),
)
"""18 x 18 cells: tells faces from what only looks like one from afar."""
