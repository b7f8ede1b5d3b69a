"""Who is let in, and which requests count as meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.web.access import SESSIONS, TRIES, TRIES_WINDOW_S
from syncd.web.gate import SESSION
from tests.syncd.web.place import HOST, OPERATOR, ORIGIN, OWN, VIEWER, Place, form_token, sent

MEANT = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}

SEEN = [
    "/",
    "/decisions",
    "/audit",
    "/audit.csv",
    "/runs/1",
    "/sources/handbook",
    "/sources/handbook/pages",
    "/sources/handbook/page?id=a.md",
]
DONE = ["sync", "pause", "resume", "hold", "release", "approve", "reject", "takedown", "restore", "retry"]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    place.run("handbook", sent("a.md"))
    yield place
    await place.client.aclose()


@pytest.mark.parametrize("path", SEEN)
async def test_nobody_sees_a_page_without_signing_in(place: Place, path: str) -> None:
    """The way leads to signing in, and from there to what was asked for."""
    answer = await place.client.get(path)

    assert (answer.status_code, answer.text) == (303, "")
    assert answer.headers["location"].startswith("/sign-in?next=%2F")


@pytest.mark.parametrize("token", [OPERATOR, VIEWER])
@pytest.mark.parametrize("path", SEEN)
async def test_both_roles_see_every_page(place: Place, path: str, token: str) -> None:
    """Whoever may look may look at all."""
    await place.sign_in(token)

    assert (await place.client.get(path)).status_code == 200


@pytest.mark.parametrize("verb", DONE)
async def test_viewer_does_nothing(place: Place, verb: str) -> None:
    """The forms are not shown, and not served either."""
    await place.sign_in(VIEWER)
    page = await place.client.get("/sources/handbook")

    answer = await place.post(f"/sources/handbook/{verb}", why="because", id="a.md")

    assert f"/sources/handbook/{verb}" not in page.text
    assert answer.status_code == 403
    assert (place.engine.begun, place.service.is_paused("handbook")) == ([], False)
    assert place.store.before("handbook").orders.frozen is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": f"ftp://{HOST}"},
        {"origin": "http://[", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": ORIGIN},
        {"sec-fetch-site": "none", "origin": ORIGIN},
    ],
)
@pytest.mark.parametrize("path", ["/sources/handbook/pause", "/sign-out"])
async def test_form_of_another_site_is_refused(place: Place, path: str, headers: dict[str, str]) -> None:
    """Even with the right token in it: B70."""
    await place.sign_in()
    token = form_token(await place.client.get("/"))

    answer = await place.client.post(path, data={"form_token": token}, headers=headers)

    assert answer.status_code == 403
    assert not place.service.is_paused("handbook")
    assert (await place.client.get("/")).status_code == 200


@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
async def test_form_without_the_right_token_is_refused(place: Place, token: str) -> None:
    """A page that another site could have made knows no token."""
    await place.sign_in()

    answer = await place.client.post("/sources/handbook/pause", data={"form_token": token}, headers=MEANT)

    assert answer.status_code == 403
    assert not place.service.is_paused("handbook")


async def test_form_token_of_another_session_does_not_count(place: Place) -> None:
    """Else whoever may look could make forms for whoever may decide."""
    other = place.browser()
    await place.sign_in(VIEWER, client=other)
    await place.sign_in()

    token = form_token(await other.get("/"))
    answer = await place.client.post("/sources/handbook/pause", data={"form_token": token}, headers=MEANT)

    assert answer.status_code == 403


async def test_form_through_a_proxy_that_changes_the_host(place: Place) -> None:
    """The origin is then a configured name."""
    await place.sign_in()
    token = form_token(await place.client.get("/"))

    answer = await place.client.post(
        "/sources/handbook/pause",
        data={"form_token": token},
        headers={"origin": "https://syncd.acme.com", "sec-fetch-site": "same-origin"},
    )

    assert answer.status_code == 303


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("verb", DONE)
async def test_only_a_form_does_something(place: Place, verb: str, method: str) -> None:
    """A link, or an image, never changes anything."""
    await place.sign_in()

    assert (await place.client.request(method, f"/sources/handbook/{verb}")).status_code == 405
    assert not place.service.is_paused("handbook")


@pytest.mark.parametrize("path", [*SEEN, "/sign-in", "/static/style.css"])
async def test_trace_is_refused(place: Place, path: str) -> None:
    """It would tell a script of the cookie."""
    await place.sign_in()

    assert (await place.client.request("TRACE", path)).status_code == 405


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 415),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a" * 70_000, 413),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1&" * 31, 400),
        ({"content-type": "application/x-www-form-urlencoded"}, "ä=1".encode(), 400),
        ({"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}, b"a", 415),
    ],
)
async def test_body_that_is_no_form(
    place: Place, headers: dict[str, str], content: bytes, status: int
) -> None:
    """Refused before it is looked at any further."""
    await place.sign_in()

    answer = await place.client.post("/sources/handbook/pause", content=content, headers={**MEANT, **headers})

    assert answer.status_code == status
    assert not place.service.is_paused("handbook")


@pytest.mark.parametrize("token", ["", "wrong", OPERATOR + "x", OPERATOR[:-1], OPERATOR.upper(), OWN])
async def test_wrong_token_opens_nothing(place: Place, token: str) -> None:
    """Nor does the one of the commands."""
    answer = await place.sign_in(token)

    assert answer.status_code == 403
    assert SESSION not in place.client.cookies
    assert token == "" or token not in answer.text


async def test_cookie_is_for_this_site_alone(place: Place) -> None:
    """No script reads it, and no other site makes the browser send it."""
    answer = await place.sign_in()

    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


async def test_cookie_behind_tls_stays_there(tmp_path: Path) -> None:
    """A proxy says that the browser came by https; nobody else's word counts."""
    place = Place(tmp_path, proxy={"addresses": ["10.1.0.0/16"]})
    for peer, secure in (("10.1.2.3", True), ("10.2.0.1", False)):
        client = place.browser(peer)
        client.headers["x-forwarded-proto"] = "https"
        answer = await client.get("/sign-in")
        assert ("Secure" in answer.headers["set-cookie"]) is secure


async def test_session_ends_with_its_time(place: Place) -> None:
    """Whatever the browser keeps."""
    await place.sign_in()
    place.clock.pass_(12 * 3600 - 1)
    assert (await place.client.get("/")).status_code == 200
    place.clock.pass_(1)

    assert (await place.client.get("/")).status_code == 303


async def test_session_ends_with_signing_out(place: Place) -> None:
    """Also for somebody who has a copy of the cookie."""
    await place.sign_in()
    kept = place.client.cookies[SESSION]

    assert (await place.post("/sign-out")).status_code == 303
    place.client.cookies.set(SESSION, kept)

    assert (await place.client.get("/")).status_code == 303


async def test_session_ends_with_its_token(place: Place) -> None:
    """Who takes a token away wants its bearers out."""
    viewer = place.browser()
    await place.sign_in()
    await place.sign_in(VIEWER, client=viewer)

    place.dashboard.configure(
        place.configured({"operator": {"secret": "${OTHER}"}, "viewer": {"secret": "${VIEWER}"}})
    )

    assert (await place.client.get("/")).status_code == 303
    assert (await viewer.get("/")).status_code == 200


async def test_oldest_session_makes_room(place: Place) -> None:
    """Memory is not for whoever signs in without end."""
    await place.sign_in()
    others = place.browser()
    for _ in range(SESSIONS):
        await place.sign_in(VIEWER, client=others)

    assert (await place.client.get("/")).status_code == 303
    assert (await others.get("/")).status_code == 200


async def test_guessing_is_throttled(place: Place) -> None:
    """Then not even the right token counts from there for a while; elsewhere it does."""
    for _ in range(TRIES):
        assert (await place.sign_in("a guess")).status_code == 403

    answer = await place.sign_in(OPERATOR)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert (await place.sign_in(client=place.browser("127.0.0.2"))).status_code == 303
    place.clock.pass_(TRIES_WINDOW_S)
    assert (await place.sign_in(OPERATOR)).status_code == 303


async def test_sign_in_form_is_the_sites_own(place: Place) -> None:
    """Else another site could sign somebody in as somebody else."""
    page = await place.client.get("/sign-in")
    fields = {"form_token": form_token(page), "token": OPERATOR}
    stranger = place.browser()

    foreign = await place.client.post("/sign-in", data=fields, headers={"origin": "https://evil.example"})
    forged = await stranger.post("/sign-in", data=fields, headers=MEANT)

    assert (foreign.status_code, forged.status_code) == (403, 403)
    assert SESSION not in place.client.cookies
    assert SESSION not in stranger.cookies


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/runs/1?action=fail", "/runs/1?action=fail"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nset-cookie: b=c", "/"),
        ("", "/"),
    ],
)
async def test_signing_in_leads_to_this_site(place: Place, asked: str, led: str) -> None:
    """Wherever the link came from."""
    page = await place.client.get("/sign-in", params={"next": asked})
    answer = await place.client.post(
        "/sign-in", data={"form_token": form_token(page), "token": OPERATOR, "next": asked}, headers=MEANT
    )

    assert answer.headers["location"] == led


async def test_link_signs_in_once(place: Place) -> None:
    """The commands of this user make one; whoever finds it later has nothing."""
    asked = await place.client.post(
        "/api/sign-in-links", json={"name": "ana"}, headers={"authorization": f"Bearer {OWN}"}
    )
    path = asked.json()["path"]

    first, second = place.browser(), place.browser()
    assert (await first.get(path)).status_code == 303
    assert "ana <small>(operator)" in (await first.get("/")).text
    assert (await second.get(path)).status_code == 403
    assert (await second.get("/")).status_code == 303


async def test_link_is_good_for_a_minute(place: Place) -> None:
    """It stands in a terminal for longer."""
    asked = await place.client.post(
        "/api/sign-in-links", json={"name": "ana"}, headers={"authorization": f"Bearer {OWN}"}
    )
    place.clock.pass_(60)

    assert (await place.client.get(asked.json()["path"])).status_code == 403


@pytest.mark.parametrize("token", ["", OPERATOR, OWN + "x"])
async def test_link_is_made_for_the_own_user_only(place: Place, token: str) -> None:
    """The token for it is in a file that nobody else reads."""
    answer = await place.client.post(
        "/api/sign-in-links", json={"name": "ana"}, headers={"authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 401


class TestProxy:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        proxy = {
            "addresses": ["10.1.2.3", "fd00::/8"],
            "user_header": "X-Forwarded-User",
            "operators": ["ana@acme.com"],
        }
        return Place(tmp_path, proxy=proxy)

    @pytest.mark.parametrize(
        ("name", "role"),
        [("ana@acme.com", "operator"), ("ben@acme.com", "viewer"), ("ANA@acme.com", "viewer")],
    )
    @pytest.mark.parametrize("peer", ["10.1.2.3", "fd00::7"])
    async def test_named_by_the_proxy(self, place: Place, peer: str, name: str, role: str) -> None:
        """Who is not named as an operator may look."""
        page = await place.browser(peer).get("/", headers={"x-forwarded-user": name})

        assert f"{name} <small>({role})" in page.text

    @pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.4", "", "::1", "fe80::1%eth0"])
    async def test_named_by_anybody_else(self, place: Place, peer: str) -> None:
        """B70: the header counts for nothing."""
        answer = await place.browser(peer).get(
            "/", headers={"x-forwarded-user": "ana@acme.com", "x-forwarded-for": "10.1.2.3"}
        )

        assert answer.status_code == 303

    @pytest.mark.parametrize(
        "names", [[], [""], ["  "], ["ben@acme.com", "ana@acme.com"], ["ana@acme.com", "ana@acme.com"]]
    )
    async def test_named_not_at_all_or_twice(self, place: Place, names: list[str]) -> None:
        """Of two headers one may be the browser's own."""
        answer = await place.browser("10.1.2.3").get(
            "/", headers=[("x-forwarded-user", name) for name in names]
        )

        assert answer.status_code == 303

    async def test_forms_of_the_named(self, place: Place) -> None:
        """They need the token of their own pages as well."""
        client = place.browser("10.1.2.3")
        client.headers["x-forwarded-user"] = "ana@acme.com"
        token = form_token(await client.get("/"))

        forged = await client.post("/sources/wiki/pause", data={"form_token": "x"}, headers=MEANT)
        meant = await client.post("/sources/wiki/pause", data={"form_token": token}, headers=MEANT)

        assert (forged.status_code, meant.status_code) == (403, 303)


def test_one_token_for_two_roles(tmp_path: Path) -> None:
    """Nobody could tell what its bearer may do."""
    with pytest.raises(ConfigError, match="same token"):
        Place(tmp_path, viewer={"secret": "${OPERATOR}"})


async def test_link_from_a_chat_finds_its_way(place: Place) -> None:
    """The strict cookie comes with the second step, which is the site's own."""
    answer = await place.client.get("/decisions?a=%22", headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/decisions?a=%22">' in answer.text


async def test_polling_page_whose_session_ended_goes_to_sign_in(place: Place) -> None:
    """The script would put the form for signing in into the table."""
    answer = await place.client.get("/", headers={"hx-request": "true"})

    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize(
    "path",
    [*SEEN, "/sign-in", "/sign-in/link", "/sources/nobody", "/runs/99", "/static/style.css", "/nothing"],
)
async def test_headers_of_every_answer(place: Place, path: str) -> None:
    """S36, whatever the answer is."""
    await place.sign_in()
    answer: httpx.Response = await place.client.get(path)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert "server" not in answer.headers
    assert ("no-store" in answer.headers["cache-control"]) is not path.startswith("/static/")


@pytest.mark.parametrize(
    "name",
    ["../access.py", "..%2faccess.py", "%2e%2e/access.py", "htmx.LICENSE", "", ".", "%00"],
)
async def test_only_the_own_files_are_given(place: Place, name: str) -> None:
    """B70: there is a table of names, and no path."""
    answer = await place.client.get(f"/static/{name}")

    assert answer.status_code == 404
    assert "import" not in answer.text


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/style.css", "/sources/handbook/pause"])
async def test_other_names_are_refused(place: Place, path: str) -> None:
    """S33: no website can have its own name point here."""
    await place.sign_in()

    answer = await place.client.get(path, headers={"host": "evil.example"})

    assert answer.status_code == 421
