"""Names of result files, telling and different for every result of an installation."""

from __future__ import annotations

from django.utils.text import slugify

from generation.models import Output

_EXTENSIONS = {"jpeg": "jpg"}


def result_name(output: Output) -> str:
    """`<sku or product>_<start of the job's id>_<letter>.<ext>`, safe on every file system.

    ValueError for a result that was not delivered.
    """
    if output.asset is None:
        raise ValueError("A result that was not delivered has no file.")
    product = output.job.product
    stem = slugify(product.sku, allow_unicode=True) if product and product.sku else ""
    stem = stem or (slugify(product.name, allow_unicode=True) if product else "") or "result"
    extension = _EXTENSIONS.get(output.asset.format, output.asset.format)
    return f"{stem[:80]}_{str(output.job_id)[:8]}_{output.letter}.{extension}"
