"""How prices depend on what is asked for. Every figure is dated and says where it was read."""

from __future__ import annotations

from collections.abc import Mapping

from generation.operations.types import Ask, Price, Unit

_SELLERPIC = "sellerpic-2025-08-15"
_FASHN = "fashn-2026-06"

# FASHN's credits per output image: by generation_mode, then by resolution [vendor page].
_PER_IMAGE = {
    "fast": {"1k": 1, "2k": 2, "4k": 3},
    "balanced": {"1k": 2, "2k": 3, "4k": 4},
    "quality": {"1k": 3, "2k": 4, "4k": 5},
}
_FACE_REFERENCE = 3
# FASHN's credits per video: by seconds, then by resolution [vendor page].
_PER_VIDEO = {
    5: {"480p": 1, "720p": 3, "1080p": 6},
    10: {"480p": 2, "720p": 6, "1080p": 12},
}


def sellerpic(unit: int, source: str, *, is_assumed: bool = False) -> Price:
    """SellerPic's price per successful image, whatever the options."""
    return Price(_SELLERPIC, f"SellerPic, {source}", lambda ask: unit, is_assumed)


def sellerpic_video() -> Price:
    """SellerPic's price of a video by its seconds: 10 credits for 5, 15 for 10 [vendor page]."""
    prices: Mapping[int, int] = {5: 10, 10: 15}
    return Price(
        _SELLERPIC,
        "SellerPic, Image To Video",
        lambda ask: prices[int(ask.options.get("video_duration", 5))],
    )


def fashn_flat(unit: int, source: str) -> Price:
    """FASHN's price per output of a model without sizes."""
    return Price(_FASHN, f"FASHN, {source}", lambda ask: unit)


def fashn_image(source: str, *, with_face: bool = False, face_size: str = "") -> Price:
    """FASHN's table by mode and resolution, and 3 more with a face reference where that counts.

    `face_size` is the largest resolution that is drawn, and sent, with a face reference.
    """
    return Price(_FASHN, f"FASHN, {source}", _fashn_unit(with_face, face_size))


def fashn_video() -> Price:
    """FASHN's price of a video by seconds and resolution."""
    return Price(
        _FASHN,
        "FASHN, image-to-video",
        lambda ask: _PER_VIDEO[int(ask.options.get("duration", 5))][
            str(ask.options.get("resolution", "1080p"))
        ],
    )


def _fashn_unit(with_face: bool, face_size: str) -> Unit:
    def unit(ask: Ask) -> int:
        # Both are always sent: what FASHN bills when they are left out has changed before.
        mode = str(ask.options.get("generation_mode", "fast"))
        size = str(ask.options.get("resolution", "1k"))
        if not (with_face and "face_reference" in ask.inputs):
            return _PER_IMAGE[mode][size]
        price = _PER_IMAGE[mode][size]
        if face_size:
            price = min(price, _PER_IMAGE[mode][face_size])
        return price + _FACE_REFERENCE

    return unit
