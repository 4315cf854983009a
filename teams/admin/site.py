"""The admin as a whole: its names, and the one page by which everybody signs in."""

from __future__ import annotations

import allauth.account.admin  # noqa: F401  (registers, before it is unregistered below)
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.utils.translation import gettext_lazy

# People's addresses are edited with the people; allauth's own table of them only follows.
admin.site.unregister(EmailAddress)

# Staff sign in by the same page as everybody, so its rate limits hold for the admin, too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = gettext_lazy("Diptych administration")
admin.site.site_title = gettext_lazy("Diptych")
admin.site.index_title = gettext_lazy("Operator's pages")
