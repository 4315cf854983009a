"""What people do with products and photos, and what workers do with uploads."""


class SkuTaken(Exception):
    """Another product of the team has this SKU."""


class PhotoInUse(Exception):
    """An unfinished job works with this photo."""


class UploadRefused(Exception):
    """A file that is not taken; `sentence` tells a person why."""

    sentence = ""
