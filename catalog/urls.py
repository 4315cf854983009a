"""Routes of products, their photos, uploads and private files."""

from django.urls import URLPattern, path

from catalog.views import files, photos, products, uploads

app_name = "catalog"

_TEAM = "t/<slug:team_slug>/"
_PRODUCT = _TEAM + "products/<uuid:product_id>/"
_PHOTO = _TEAM + "photos/<uuid:photo_id>/"

urlpatterns: list[URLPattern] = [
    path(_TEAM + "products/", products.product_list, name="product_list"),
    path(_TEAM + "products/new", products.product_create, name="product_create"),
    path(_PRODUCT, products.product_detail, name="product_detail"),
    path(_PRODUCT + "edit", products.product_edit, name="product_edit"),
    path(_PRODUCT + "archive", products.product_archive, name="product_archive"),
    path(_PRODUCT + "restore", products.product_restore, name="product_restore"),
    path(_PRODUCT + "uploads/", uploads.upload_create, name="upload_create"),
    path(_TEAM + "uploads/<uuid:upload_id>/", uploads.upload_status, name="upload_status"),
    path(_TEAM + "uploads/<uuid:upload_id>/done", uploads.upload_done, name="upload_done"),
    path(_PHOTO + "archive", photos.photo_archive, name="photo_archive"),
    path(_PHOTO + "restore", photos.photo_restore, name="photo_restore"),
    path(_PHOTO + "primary", photos.photo_primary, name="photo_primary"),
    path(_PHOTO + "move", photos.photo_move, name="photo_move"),
    # Without a team: the signed token names the one file it opens.
    path("files/<str:token>", files.file_serve, name="file_serve"),
    path("uploads/local/<str:token>", files.upload_local, name="upload_local"),
]
