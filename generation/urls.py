"""Routes of launches, jobs, reviews and results; all but the providers' calls lie inside a team."""

from django.urls import include, path

from generation.views import (
    approved,
    credits_page,
    hooks,
    ledger,
    products,
    pulse,
    queue,
    refunds,
    review,
    studio,
)

app_name = "generation"

in_team = [
    path("studio/", studio.studio, name="studio"),
    path("studio/launch", studio.job_create, name="job_create"),
    path("studio/cost", studio.studio_cost, name="studio_cost"),
    path("studio/stage", studio.studio_stage, name="studio_stage"),
    path("studio/photos", studio.photo_list, name="photo_list"),
    path("studio/presets", studio.preset_list, name="preset_list"),
    path("pulse", pulse.pulse, name="pulse"),
    path("queue/", queue.queue, name="queue"),
    path("queue/poll", queue.queue_poll, name="queue_poll"),
    path("jobs/<uuid:job_id>/", queue.job_detail, name="job_detail"),
    path("jobs/<uuid:job_id>/poll", queue.job_poll, name="job_poll"),
    path("jobs/<uuid:job_id>/keep", queue.job_keep, name="job_keep"),
    path("jobs/<uuid:job_id>/cancel", queue.job_cancel, name="job_cancel"),
    path("jobs/<uuid:job_id>/retry", queue.job_retry, name="job_retry"),
    path("jobs/<uuid:job_id>/resolve", queue.job_resolve, name="job_resolve"),
    path("review/", review.review_list, name="review_list"),
    path("review/<uuid:job_id>/", review.review_detail, name="review_detail"),
    path("results/<uuid:output_id>/decision", review.output_decide, name="output_decide"),
    path("results/<uuid:output_id>/undo", review.output_undo, name="output_undo"),
    path("results/<uuid:output_id>/download", approved.output_download, name="output_download"),
    path("results/<uuid:output_id>/withdraw", approved.output_withdraw, name="output_withdraw"),
    path("results/<uuid:output_id>/recover", queue.output_recover, name="output_recover"),
    path("results/<uuid:output_id>/credits-back", refunds.refund_ask, name="output_refund"),
    path("approved/", approved.approved, name="approved"),
    path("credits/", credits_page.credits_page, name="credits"),
    path("credits/ledger/", ledger.credits_ledger, name="credits_ledger"),
    path("credits/ledger.csv", ledger.credits_csv, name="credits_csv"),
    path("products/<uuid:product_id>/results/", products.product_results, name="product_results"),
    path(
        "products/<uuid:product_id>/results/poll",
        products.results_poll,
        name="product_results_poll",
    ),
]

urlpatterns = [
    path("hooks/fashn/<str:token>", hooks.fashn_webhook, name="fashn_webhook"),
    path("t/<slug:team_slug>/", include(in_team)),
]
