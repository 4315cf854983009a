"""Every address of the product and who may reach it, written by hand and apart from the code.

`test_every_address.py` fails where an address is missing here, and asks each one as everybody.
"""

from __future__ import annotations

from teams.access import Right

#: Addresses of a team: what they take, and the right that each needs.
TEAM: dict[str, tuple[str, Right]] = {
    "catalog:product_list": ("GET", Right.VIEW),
    "catalog:product_create": ("GET POST", Right.EDIT_CATALOG),
    "catalog:product_detail": ("GET", Right.VIEW),
    "catalog:product_edit": ("GET POST", Right.EDIT_CATALOG),
    "catalog:product_archive": ("POST", Right.EDIT_CATALOG),
    "catalog:product_restore": ("POST", Right.EDIT_CATALOG),
    "catalog:upload_create": ("POST", Right.EDIT_CATALOG),
    "catalog:upload_status": ("GET", Right.EDIT_CATALOG),
    "catalog:upload_done": ("POST", Right.EDIT_CATALOG),
    "catalog:photo_archive": ("POST", Right.EDIT_CATALOG),
    "catalog:photo_restore": ("POST", Right.EDIT_CATALOG),
    "catalog:photo_primary": ("POST", Right.EDIT_CATALOG),
    "catalog:photo_move": ("POST", Right.EDIT_CATALOG),
    "generation:approved": ("GET", Right.VIEW),
    "generation:credits": ("GET", Right.SEE_MONEY),
    "generation:credits_csv": ("GET", Right.SEE_MONEY),
    "generation:credits_ledger": ("GET", Right.SEE_MONEY),
    "generation:job_cancel": ("POST", Right.CANCEL),
    "generation:job_create": ("POST", Right.LAUNCH),
    "generation:job_detail": ("GET", Right.VIEW),
    "generation:job_keep": ("POST", Right.CANCEL),
    "generation:job_poll": ("GET", Right.VIEW),
    "generation:job_resolve": ("POST", Right.MANAGE_TEAM),
    "generation:job_retry": ("POST", Right.LAUNCH),
    "generation:output_decide": ("POST", Right.REVIEW),
    "generation:output_download": ("GET", Right.VIEW),
    "generation:output_recover": ("POST", Right.REVIEW),
    "generation:output_refund": ("GET POST", Right.LAUNCH),
    "generation:output_undo": ("POST", Right.REVIEW),
    "generation:output_withdraw": ("POST", Right.REVIEW),
    "generation:photo_list": ("GET", Right.LAUNCH),
    "generation:preset_list": ("GET", Right.LAUNCH),
    "generation:product_results": ("GET", Right.VIEW),
    "generation:product_results_poll": ("GET", Right.VIEW),
    "generation:pulse": ("GET", Right.VIEW),
    "generation:queue": ("GET", Right.VIEW),
    "generation:queue_poll": ("GET", Right.VIEW),
    "generation:review_detail": ("GET", Right.VIEW),
    "generation:review_list": ("GET", Right.VIEW),
    "generation:studio": ("GET", Right.LAUNCH),
    "generation:studio_cost": ("GET", Right.LAUNCH),
    "generation:studio_stage": ("GET", Right.LAUNCH),
    "teams:audit": ("GET", Right.MANAGE_TEAM),
    "teams:close": ("GET POST", Right.OWN),
    "teams:credits_budgets": ("GET", Right.SEE_MONEY),
    "teams:credits_budgets_save": ("POST", Right.MANAGE_BUDGETS),
    "teams:credits_notice_dismiss": ("POST", Right.SEE_MONEY),
    "teams:credits_request_create": ("POST", Right.LAUNCH),
    "teams:credits_request_decide": ("POST", Right.MANAGE_BUDGETS),
    "teams:credits_request_withdraw": ("POST", Right.SEE_MONEY),
    "teams:credits_requests": ("GET", Right.SEE_MONEY),
    "teams:invitation_create": ("POST", Right.INVITE),
    "teams:invitation_resend": ("POST", Right.INVITE),
    "teams:invitation_revoke": ("POST", Right.INVITE),
    "teams:leave": ("GET POST", Right.VIEW),
    "teams:member_remove": ("GET POST", Right.MANAGE_TEAM),
    "teams:member_role": ("POST", Right.MANAGE_TEAM),
    "teams:members": ("GET", Right.MANAGE_TEAM),
    "teams:roles": ("GET", Right.VIEW),
    "teams:settings": ("GET POST", Right.MANAGE_TEAM),
}
#: Those that answer 404 to members with the right, too, if the thing is another member's.
ONES_OWN = {"teams:credits_request_withdraw"}
#: What an address needs beside its path, so that there is something to answer with.
QUERIES: dict[str, str] = {
    "generation:photo_list": "operation=swap_model&input=model_image",
    "generation:preset_list": "operation=swap_model&input=model",
}
#: Those that an owner reaches without the second step that the team demands.
WITHOUT_SECOND_STEP = {"teams:leave"}

#: Addresses outside teams. "anybody", "signed in" (others are led to the sign-in), "secret" (who has
#: the link, and nobody else), or "silent": the answer does not tell whether the link was right.
OUTSIDE: dict[str, str] = {
    "account_change_password": "signed in",
    "account_inactive": "anybody",
    "account_login": "anybody",
    "account_logout": "signed in",
    "account_reauthenticate": "signed in",
    "account_reset_password": "anybody",
    "account_reset_password_done": "anybody",
    "account_reset_password_from_key": "anybody",
    "account_reset_password_from_key_done": "anybody",
    "account_signup": "anybody",
    "catalog:file_serve": "secret",
    "catalog:upload_local": "secret",
    "generation:fashn_webhook": "silent",
    "healthz": "anybody",
    "home": "signed in",
    "mfa_activate_totp": "signed in",
    "mfa_authenticate": "signed in",  # Or half signed in: whoever gave no password is led there.
    "mfa_deactivate_totp": "signed in",
    "mfa_download_recovery_codes": "signed in",
    "mfa_generate_recovery_codes": "signed in",
    "mfa_index": "signed in",
    "mfa_reauthenticate": "signed in",
    "mfa_view_recovery_codes": "signed in",
    "readyz": "anybody",
    "teams:invitation": "secret",
    "teams:profile": "signed in",
    "teams:theme": "signed in",
}
#: Addresses outside teams that take POST alone.
POST_ONLY = {"catalog:upload_local", "generation:fashn_webhook", "teams:theme"}

#: Lists of the admin: what operators with the permission of that name may do with the rows.
ADMIN_MODELS: dict[str, str] = {
    "auth_group": "view add change delete",
    "catalog_asset": "view",
    "catalog_product": "view",
    "catalog_upload": "view",
    "generation_attempt": "view",
    "generation_job": "view",
    "generation_preset": "view",
    "generation_pricerule": "view",
    "generation_provideraccount": "view",
    "generation_reconciliation": "view",
    "generation_refundrequest": "view",
    "teams_auditentry": "view",
    "teams_creditaccount": "view",
    "teams_creditrequest": "view",
    "teams_grant": "view",
    "teams_invitation": "view",
    "teams_ledgercheck": "view",
    "teams_ledgerentry": "view",
    "teams_outgoingmail": "view",
    "teams_pendingadjustment": "view",
    "teams_team": "view add change",
    "teams_user": "view",
}
#: Rows of people are written by superusers alone: who may edit people could make themselves one.
SUPERUSER_MODELS: dict[str, str] = {"teams_user": "add change"}

#: Further pages of the admin: what they take, and the permission; "superuser", or "" for any
#: operator.
ADMIN_PAGES: dict[str, tuple[str, str]] = {
    "app_list": ("GET", "teams.view_team"),
    "auth_user_password_change": ("GET POST", "superuser"),
    "autocomplete": ("GET", "none"),  # No list offers it.
    "generation_job_resolve": ("POST", "generation.change_job"),
    "generation_pricerule_new": ("GET POST", "generation.add_pricerule"),
    "generation_pricerule_page": ("GET", "generation.view_pricerule"),
    "generation_pricerule_withdraw": ("POST", "generation.add_pricerule"),
    "generation_provideraccount_balance": ("POST", "generation.change_provideraccount"),
    "generation_provideraccount_key": ("POST", "generation.change_provideraccount"),
    "generation_provideraccount_page": ("GET", "generation.view_provideraccount"),
    "generation_provideraccount_pause": ("POST", "generation.change_provideraccount"),
    "generation_provideraccount_remove_key": ("POST", "generation.change_provideraccount"),
    "generation_provideraccount_resume": ("POST", "generation.change_provideraccount"),
    "generation_provideraccount_try": ("POST", "generation.change_provideraccount"),
    "generation_reconciliation_csv": ("GET", "generation.view_reconciliation"),
    "generation_refundrequest_decide": ("POST", "teams.refund_credits"),
    "index": ("GET", ""),
    "jsi18n": ("GET", ""),
    "password_change": ("GET", ""),
    "password_change_done": ("GET", ""),
    "teams_creditrequest_approve": ("GET POST", "teams.grant_credits"),
    "teams_creditrequest_decline": ("GET POST", "teams.grant_credits"),
    "teams_grant_end": ("GET POST", "teams.adjust_credits"),
    "teams_grant_withdraw": ("GET POST", "teams.grant_credits"),
    "teams_ledgerentry_export": ("GET", "teams.view_ledgerentry"),
    "teams_outgoingmail_again": ("POST", "teams.view_outgoingmail"),
    "teams_pendingadjustment_decide": ("GET POST", "teams.adjust_credits"),
    "teams_team_close": ("GET POST", "teams.close_team"),
    "teams_team_correct": ("GET POST", "teams.adjust_credits"),
    "teams_team_credit_back": ("GET POST", "teams.refund_credits"),
    "teams_team_grant_many": ("GET POST", "teams.grant_credits"),
    "teams_team_resume": ("GET POST", "teams.suspend_team"),
    "teams_team_suspend": ("GET POST", "teams.suspend_team"),
    "teams_team_grant": ("GET POST", "teams.grant_credits"),
    "teams_team_owner": ("GET POST", "teams.change_team"),
    "teams_user_reset_second_step": ("GET POST", "superuser"),
}
#: Pages of Django's admin that are no rooms of their own: the sign-in, the way out, redirects.
ADMIN_DOORS = {"login", "logout", "view_on_site"}
