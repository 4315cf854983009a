"""Celery's side of the catalog: hints about rows. Ids in, no decisions; late, twice or never is fine."""

from __future__ import annotations

from celery import shared_task

from catalog import checking, renditions


@shared_task(ignore_result=True)
def check_upload(upload_id: str) -> None:
    """Check a received file, then have its pictures for pages made."""
    asset = checking.check_upload(upload_id)
    if asset is not None:
        renditions.make_renditions(asset.pk)


@shared_task(ignore_result=True)
def make_renditions(asset_id: str) -> None:
    """Make what pages show of an asset."""
    renditions.make_renditions(asset_id)
