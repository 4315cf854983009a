"""Pages of products: the list with its search, filters and pages, the form, one product, archiving."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from catalog.models import Asset, Product
from catalog.services import archive_product, create_product
from teams.models import Team, User

pytestmark = pytest.mark.django_db


def list_url(team: Team, **query: str) -> str:
    return reverse("catalog:product_list", args=[team.slug], query=query)


def add_photo(product: Product, number: int = 1) -> Asset:
    """A photo as an accepted upload leaves its row; pages read no file of it."""
    key = f"t/{product.team_id}/photo/{product.pk}-{number}.jpg"
    photo = Asset.objects.create(
        team=product.team,
        product=product,
        key=key,
        name=f"front-{number}.jpg",
        format="jpeg",
        bytes=1000,
        width=300,
        height=400,
        sha256=hashlib.sha256(key.encode()).hexdigest(),
        position=number,
    )
    product.photo_count += 1
    product.primary_photo = product.primary_photo or photo
    product.save()
    return photo


def add_products(team: Team, count: int) -> list[Product]:
    """Products of rising age: the first is the newest."""
    at = now()
    return Product.objects.bulk_create(
        Product(team=team, name=f"Shirt {n:03}", created_at=at - timedelta(minutes=n))
        for n in range(count)
    )


def names(response: Any) -> list[str]:
    return [product.name for product in response.context["page"].rows]


# --- The list ---------------------------------------------------------------------------------


def test_an_empty_list_offers_to_add_the_first_product(client_of_alice, team):
    page = client_of_alice.get(list_url(team)).content.decode()
    assert "No products yet" in page
    assert "Add the first product" in page


def test_the_list_shows_own_products_and_nobody_elses(client_of_alice, team, product, charlie):
    from teams.services import create_team

    other = create_team(name="Other", owner=charlie, slug="other")
    create_product(team=other, by=charlie, name="Secret coat")
    response = client_of_alice.get(list_url(team))
    assert names(response) == ["Linen shirt"]
    assert "Secret coat" not in response.content.decode()


def test_strangers_find_nothing_at_any_page_of_a_product(client, charlie, team, product):
    client.force_login(charlie)
    where = [team.slug, product.pk]
    for url in (
        list_url(team),
        reverse("catalog:product_create", args=[team.slug]),
        reverse("catalog:product_detail", args=where),
        reverse("catalog:product_edit", args=where),
    ):
        assert client.get(url).status_code == 404
    for name in ("product_edit", "product_archive", "product_restore"):
        assert client.post(reverse(f"catalog:{name}", args=where), {"name": "x"}).status_code == 404
    product.refresh_from_db()
    assert product.name == "Linen shirt"
    assert product.archived_at is None


def test_a_reviewer_sees_products_and_cannot_change_them(client, bob, team, product):
    client.force_login(bob)
    where = [team.slug, product.pk]
    page = client.get(reverse("catalog:product_detail", args=where)).content.decode()
    assert "Linen shirt" in page
    assert "file-uploader" not in page
    assert reverse("catalog:product_edit", args=where) not in page
    for name in ("product_edit", "product_archive"):
        assert client.post(reverse(f"catalog:{name}", args=where), {"name": "x"}).status_code == 403
    product.refresh_from_db()
    assert (product.name, product.archived_at) == ("Linen shirt", None)


def test_the_sign_in_page_comes_first(client, team):
    response = client.get(list_url(team))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("linen", ["Linen shirt"]),
        ("CT-7", ["Coat"]),
        ("  coat ", ["Coat"]),
        ("trousers", []),
    ],
)
def test_searching_looks_at_names_and_skus(client_of_alice, team, alice, product, words, found):
    create_product(team=team, by=alice, name="Coat", sku="CT-7")
    assert names(client_of_alice.get(list_url(team, q=words))) == found


def test_a_search_without_a_hit_says_so_and_offers_to_clear(client_of_alice, team, product):
    page = client_of_alice.get(list_url(team, q="<b>trousers")).content.decode()
    assert "Nothing matches" in page
    assert "&lt;b&gt;trousers" in page
    assert "Clear filters" in page


def test_the_category_filters_and_an_unknown_one_does_not(client_of_alice, team, alice, product):
    create_product(team=team, by=alice, name="Boots", category=Product.Category.SHOES)
    assert names(client_of_alice.get(list_url(team, category="shoes"))) == ["Boots"]
    assert len(names(client_of_alice.get(list_url(team, category="hats")))) == 2


def test_sorting_by_name_ignores_case(client_of_alice, team, alice):
    for name in ("beta", "Alpha", "Gamma"):
        create_product(team=team, by=alice, name=name)
    assert names(client_of_alice.get(list_url(team, sort="name"))) == ["Alpha", "beta", "Gamma"]
    assert names(client_of_alice.get(list_url(team))) == ["Gamma", "Alpha", "beta"]


@pytest.mark.parametrize("sort", ["newest", "name"])
def test_pages_lead_through_every_product_and_back(client_of_alice, team, sort):
    expected = [product.name for product in add_products(team, 100)]
    seen: list[list[str]] = []
    query = {"sort": sort}
    while True:
        response = client_of_alice.get(list_url(team, **query))
        seen.append(names(response))
        page = response.context["page"]
        if not page.after:
            break
        query["after"] = page.after
    assert [len(part) for part in seen] == [48, 48, 4]
    assert [name for part in seen for name in part] == expected
    back = client_of_alice.get(list_url(team, sort=sort, before=page.before))
    assert names(back) == seen[1]
    first = client_of_alice.get(list_url(team, sort=sort, before=back.context["page"].before))
    assert names(first) == seen[0]
    assert first.context["page"].before == ""


def test_products_of_one_moment_are_neither_lost_nor_doubled(client_of_alice, team):
    at = now()
    Product.objects.bulk_create(
        Product(team=team, name=f"Sock {n}", created_at=at) for n in range(60)
    )
    first = client_of_alice.get(list_url(team))
    second = client_of_alice.get(list_url(team, after=first.context["page"].after))
    assert len({*names(first), *names(second)}) == 60


@pytest.mark.parametrize(
    "cursor",
    ["x", "bnVsbA", "WyJ4IiwgInkiXQ", "W10", "é", "WyIyMDI2LTAxLTAxIiwgIngiXQ", "1" * 3000],
)
def test_a_cursor_that_nobody_issued_gives_the_first_page(client_of_alice, team, product, cursor):
    for way in ("after", "before"):
        response = client_of_alice.get(list_url(team, **{way: cursor}))
        assert response.status_code == 200
        assert names(response) == ["Linen shirt"]


def test_the_chosen_layout_is_remembered(client_of_alice, team, product):
    assert "<table" not in client_of_alice.get(list_url(team)).content.decode()
    assert "<table" in client_of_alice.get(list_url(team, layout="table")).content.decode()
    assert "<table" in client_of_alice.get(list_url(team)).content.decode()
    assert "<table" in client_of_alice.get(list_url(team, layout="rubbish")).content.decode()


def test_htmx_gets_the_list_without_the_shell(client_of_alice, team, product):
    response = client_of_alice.get(list_url(team), headers={"HX-Request": "true"})
    page = response.content.decode()
    assert "<html" not in page
    assert "Linen shirt" in page
    assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize("layout", ["grid", "table"])
def test_the_list_asks_the_database_no_more_for_more_products(
    client_of_alice, team, layout, django_assert_num_queries, django_assert_max_num_queries
):
    for product in add_products(team, 2):
        add_photo(product)
    client_of_alice.get(list_url(team, layout=layout))
    with django_assert_max_num_queries(14) as few:
        client_of_alice.get(list_url(team))
    for product in add_products(team, 30):
        add_photo(product)
    with django_assert_num_queries(len(few)):
        client_of_alice.get(list_url(team))


# --- The form ---------------------------------------------------------------------------------


def test_a_new_product_opens_its_page(client_of_alice, team, alice):
    url = reverse("catalog:product_create", args=[team.slug])
    assert client_of_alice.get(url).status_code == 200
    told = {"name": " Wool coat ", "sku": "WC-1", "category": "outerwear", "notes": "Heavy."}
    response = client_of_alice.post(url, told)
    product = Product.objects.get()
    assert response.status_code == 302
    assert response["Location"] == product.get_absolute_url()
    assert (product.name, product.sku, product.category) == ("Wool coat", "WC-1", "outerwear")
    assert (product.notes, product.created_by, product.team) == ("Heavy.", alice, team)


def test_a_sku_in_use_is_refused_beside_its_field(client_of_alice, team, product):
    url = reverse("catalog:product_create", args=[team.slug])
    told = {"name": "Another", "sku": "LS-1", "category": "tops"}
    response = client_of_alice.post(url, told)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["sku"]
    assert 'role="alert"' in response.content.decode()
    assert Product.objects.get() == product


@pytest.mark.parametrize("sku", ["ls-1", "Ls-1"])
def test_a_sku_is_the_same_in_any_case(client_of_alice, team, product, sku):
    told = {"name": "Another", "sku": sku, "category": "tops"}
    response = client_of_alice.post(reverse("catalog:product_create", args=[team.slug]), told)
    assert response.status_code == 422
    expected = f"Another product of your team has the SKU {sku}."
    assert response.context["form"].errors == {"sku": [expected]}
    assert Product.objects.get() == product


def test_the_case_of_a_products_own_sku_can_be_changed(client_of_alice, team, product):
    url = reverse("catalog:product_edit", args=[team.slug, product.pk])
    told = {"name": "Linen shirt", "sku": "ls-1", "category": "tops"}
    assert client_of_alice.post(url, told).status_code == 302
    product.refresh_from_db()
    assert product.sku == "ls-1"


def test_a_product_needs_a_name(client_of_alice, team):
    url = reverse("catalog:product_create", args=[team.slug])
    assert client_of_alice.post(url, {"name": " ", "category": "tops"}).status_code == 422
    assert not Product.objects.exists()


def test_an_edit_changes_what_was_typed(client_of_alice, team, product):
    url = reverse("catalog:product_edit", args=[team.slug, product.pk])
    told = {"name": "Linen blouse", "sku": "LS-2", "category": "tops", "notes": ""}
    assert client_of_alice.post(url, told).status_code == 302
    product.refresh_from_db()
    assert (product.name, product.sku, product.category) == ("Linen blouse", "LS-2", "tops")


def test_a_refused_edit_keeps_the_product_and_its_name_on_the_page(
    client_of_alice, team, alice, product
):
    create_product(team=team, by=alice, name="Coat", sku="CT-7")
    url = reverse("catalog:product_edit", args=[team.slug, product.pk])
    response = client_of_alice.post(url, {"name": "Changed", "sku": "CT-7", "category": "tops"})
    assert response.status_code == 422
    assert response.context["name"] == "Linen shirt"
    product.refresh_from_db()
    assert (product.name, product.sku) == ("Linen shirt", "LS-1")


# --- One product ------------------------------------------------------------------------------


def test_a_product_page_shows_photos_and_leads_to_the_studio(client_of_alice, team, product):
    photo = add_photo(product)
    page = client_of_alice.get(product.get_absolute_url()).content.decode()
    assert "front-1.jpg" in page
    assert "Main photo" in page
    assert f"?photo={photo.pk}" in page
    assert f'data-max-bytes="{50 * 1024 * 1024}"' in page
    assert reverse("generation:product_results", args=[team.slug, product.pk]) in page


def test_a_product_page_asks_the_database_no_more_for_more_photos(
    client_of_alice, team, product, django_assert_num_queries, django_assert_max_num_queries
):
    add_photo(product, 1)
    with django_assert_max_num_queries(14) as few:
        client_of_alice.get(product.get_absolute_url())
    for number in range(2, 12):
        add_photo(product, number)
    with django_assert_num_queries(len(few)):
        client_of_alice.get(product.get_absolute_url())


def test_archiving_takes_a_product_off_the_list_and_undo_brings_it_back(
    client_of_alice, team, product
):
    where = [team.slug, product.pk]
    response = client_of_alice.post(reverse("catalog:product_archive", args=where), follow=True)
    page = response.content.decode()
    undo = reverse("catalog:product_restore", args=where)
    assert "“Linen shirt” is archived." in page
    assert f'action="{undo}"' in page
    assert client_of_alice.post(undo)["Location"] == product.get_absolute_url()
    assert client_of_alice.get(product.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("layout", ["grid", "table"])
def test_archived_products_have_a_list_of_their_own(client_of_alice, team, alice, product, layout):
    create_product(team=team, by=alice, name="Coat")
    archive_product(product=product, by=alice)
    assert names(client_of_alice.get(list_url(team, layout=layout))) == ["Coat"]
    response = client_of_alice.get(list_url(team, show="archived"))
    assert names(response) == ["Linen shirt"]
    page = response.content.decode()
    assert 'name="show" value="archived"' in page
    restore = reverse("catalog:product_restore", args=[team.slug, product.pk])
    assert page.count(f'action="{restore}"') == 1
    assert client_of_alice.post(restore, follow=True).status_code == 200
    assert names(client_of_alice.get(list_url(team, show="archived"))) == []


def test_an_archived_product_is_there_to_read_and_not_to_change(client_of_alice, team, product):
    photo = add_photo(product)
    archive_product(product=product, by=None)
    page = client_of_alice.get(product.get_absolute_url()).content.decode()
    where = [team.slug, product.pk]
    assert "Archived on " in page
    assert f'action="{reverse("catalog:product_restore", args=where)}"' in page
    assert "front-1.jpg" in page
    for absent in ("<file-uploader", "archive-product", f"?photo={photo.pk}", "photo-menu-"):
        assert absent not in page
    edit = reverse("catalog:product_edit", args=where)
    assert edit not in page
    assert client_of_alice.get(edit).status_code == 404
    told = {"name": "a.jpg", "size": 9, "type": ""}
    uploads = reverse("catalog:upload_create", args=where)
    answer = client_of_alice.post(uploads, told, content_type="application/json")
    assert answer.status_code == 404


def test_viewers_read_archived_products_and_cannot_bring_them_back(client, team, bob, product):
    archive_product(product=product, by=None)
    client.force_login(bob)
    restore = reverse("catalog:product_restore", args=[team.slug, product.pk])
    for url in (product.get_absolute_url(), list_url(team, show="archived")):
        response = client.get(url)
        assert response.status_code == 200
        assert restore not in response.content.decode()
    assert client.post(restore).status_code == 403
    product.refresh_from_db()
    assert product.archived_at is not None


def test_a_stranger_never_sees_an_archived_product(client, charlie, product):
    archive_product(product=product, by=None)
    client.force_login(charlie)
    assert client.get(product.get_absolute_url()).status_code == 404


def test_a_restore_that_would_double_a_sku_is_refused(client_of_alice, team, alice, product):
    where = [team.slug, product.pk]
    client_of_alice.post(reverse("catalog:product_archive", args=where))
    create_product(team=team, by=alice, name="Successor", sku="LS-1")
    client_of_alice.post(reverse("catalog:product_restore", args=where))
    product.refresh_from_db()
    assert product.archived_at is not None


def test_archiving_by_a_link_is_refused(client_of_alice, team, product):
    url = reverse("catalog:product_archive", args=[team.slug, product.pk])
    assert client_of_alice.get(url).status_code == 405
    product.refresh_from_db()
    assert product.archived_at is None


# --- The shell --------------------------------------------------------------------------------


def test_a_page_carries_no_inline_code_or_style(client_of_alice, team, product):
    add_photo(product)
    urls = (
        list_url(team),
        list_url(team, layout="table"),
        product.get_absolute_url(),
        reverse("catalog:product_create", args=[team.slug]),
    )
    for url in urls:
        page = client_of_alice.get(url).content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count("<script src=")


def test_the_theme_of_the_person_is_on_the_page(client: Client, alice: User, team: Team):
    alice.theme = User.Theme.DARK
    alice.shortcuts_enabled = False
    alice.save()
    client.force_login(alice)
    page = client.get(list_url(team)).content.decode()
    assert 'data-theme="dark"' in page
    assert 'data-shortcuts="off"' in page
