"""The doors of a real server: whom it answers under which Host and Origin, who may frame it, and who holds its token."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode, urlsplit

import pytest
from browsing import MARKS, at_rest, serve, taken, unfold, visit
from conftest import MakeRun
from playwright.sync_api import Browser, expect

from pages.parts.server.gate import named

pytestmark = MARKS
PATHS = (
    "/",
    "/motion?run=x",
    "/_stcore/health",
    "/_stcore/metrics",
    "/_stcore/host-config",
    "/media/none.csv",
    "/favicon.png",
    "/api/runs",
)
HOSTS = "example.org, https://other.org:8443"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("doors"), SNOWBALL_HOSTS=HOSTS) as served:
        yield served


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server with a token of its own choice, and the token as it was printed."""
    folder = tmp_path_factory.mktemp("locked")
    with serve(folder, SNOWBALL_TOKEN="auto") as served:
        printed = None
        while printed is None:
            printed = re.search(rf"http://localhost:{urlsplit(served).port}/\?token=(\S+)", (folder / "server.log").read_text())
        yield served, printed[1]


def ask(address: str, path: str, method: str = "GET", body: str | None = None, **headers: str) -> http.client.HTTPResponse:
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def shake(address: str, path: str = "/_stcore/stream", **headers: str) -> int:
    """The status of a websocket's handshake."""
    key = base64.b64encode(b"sixteen bytes ok").decode()
    asks = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Key": key, "Sec_WebSocket_Version": "13"}
    return ask(address, path, **{**asks, **headers}).status


def script_of(address: str) -> str:
    """The path of one of Streamlit's own files."""
    match = re.search(r'src="\.?(/static/js/[^"]+)"', ask(address, "/").read().decode())
    assert match
    return match[1]


def test_no_answer_may_be_framed_sniffed_or_referred(address: str) -> None:
    answers = [ask(address, path) for path in (*PATHS, script_of(address), "/_stcore/nothing")]
    answers.append(ask(address, "/", Host="evil.example"))
    assert {200, 404, 421} <= {answer.status for answer in answers}
    for answer in answers:
        assert "frame-ancestors 'none'" in answer.headers.get_all("Content-Security-Policy", [])
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "localhost:80:80", "::1", " "]
)
def test_a_foreign_host_is_answered_with_the_setting_on_every_path(address: str, path: str, host: str) -> None:
    answer = ask(address, path, Host=host)
    assert answer.status in (400, 421)
    if answer.status == 421:
        assert "SNOWBALL_HOSTS=" in answer.read().decode()


def test_loopback_names_known_names_and_tunnels_are_answered(address: str) -> None:
    own = urlsplit(address).port
    for host in (f"127.0.0.1:{own}", f"localhost:{own}", "[::1]:9000", "LOCALHOST:9000", "example.org", "other.org:8443"):
        assert ask(address, "/", Host=host).status == 200, host
    for host in ("example.org:9000", "other.org", "sub.example.org"):
        assert ask(address, "/", Host=host).status == 421, host


def test_a_websocket_needs_the_origin_of_its_own_host_port_and_scheme(address: str) -> None:
    port = urlsplit(address).port or 0
    own = f"127.0.0.1:{port}"
    assert shake(address, Host=own, Origin=f"http://{own}") == 101
    assert shake(address, Host="localhost:9000", Origin="http://localhost:9000") == 101  # ssh -L 9000:localhost:8501
    assert shake(address, Host=own) == 101  # no browser
    for origin in (
        f"http://127.0.0.1:{port + 1}", f"http://localhost:{port}", "http://127.0.0.1", f"https://{own}", f"http://{own}/",
        f"http://{own}.evil.example", f"http://evil.example:{port}", f"ftp://{own}", own, f"http://x@{own}", "http://", "null",
    ):  # fmt: skip
        assert shake(address, Host=own, Origin=origin) == 403, origin
        assert ask(address, "/_stcore/host-config", Host=own, Origin=origin).status == 403, origin
    assert shake(address, Host="evil.example", Origin="http://evil.example") == 403


def test_names_of_the_setting_are_origins_also_where_a_proxy_changes_the_host(address: str) -> None:
    own = urlsplit(address).netloc
    for origin in ("https://example.org", "http://example.org", "https://other.org:8443"):
        assert shake(address, Host=own, Origin=origin) == 101, origin
        assert shake(address, Host=urlsplit(origin).netloc, Origin=origin) == 101, origin
    for origin in ("https://example.org:9000", "http://other.org:8443", "https://other.org"):
        assert shake(address, Host=own, Origin=origin) == 403, origin


def test_a_name_is_read_strictly() -> None:
    for word in ("", "a b", "http://a/b", "a:99999", "a:", "user@a", "[::1", "a,b", "http://", "ä.example"):
        assert named(word) is None, word


@pytest.mark.parametrize(
    "headers", [{"X_Forwarded_Host": "lab.example"}, {"Forwarded": 'for=1.2.3.4;host="lab.example";proto=https'}]
)
def test_a_page_behind_a_proxy_names_the_missing_setting(address: str, headers: dict[str, str]) -> None:
    answer = ask(address, "/", **headers)
    assert (answer.status, "SNOWBALL_HOSTS=lab.example" in answer.read().decode()) == (403, True)
    known = {name: value.replace("lab.example", "example.org") for name, value in headers.items()}
    assert ask(address, "/", **known).status == 200


@contextmanager
def proxy(address: str, changes_host: bool = True) -> Iterator[str]:
    """A proxy that names itself nowhere and passes no websocket on; one that changes the Host serves an unknown origin."""
    where = urlsplit(address)

    class Relay(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = b""
            while b"\r\n\r\n" not in request and (line := self.rfile.readline()):
                request += line
            host = f"Host: {where.netloc}".encode() if changes_host else rb"\g<0>"
            changed = re.sub(rb"(?im)^host:[^\r]*", host, request)
            changed = re.sub(rb"(?im)^connection:[^\r]*", b"Connection: close", changed)
            with socket.create_connection((where.hostname, where.port), 20) as theirs:
                theirs.sendall(changed)
                while part := theirs.recv(65_536):
                    self.wfile.write(part)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_page_whose_websocket_would_be_refused_says_so_instead_of_waiting(browser: Browser, address: str) -> None:
    page = browser.new_context().new_page()
    with proxy(address) as outside:
        page.goto(outside)
        expect(page.get_by_role("alert")).to_contain_text(f"SNOWBALL_HOSTS={urlsplit(outside).netloc} ")
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_whose_websocket_does_not_come_through_says_what_the_proxy_must_pass_on(
    browser: Browser, address: str, theme: Literal["light", "dark"]
) -> None:
    page = browser.new_context(color_scheme=theme).new_page()
    with proxy(address, changes_host=False) as outside:
        page.goto(outside)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("must pass on the headers Upgrade and Connection")
        # It is visible: nothing covers it.
        assert alert.evaluate("it => it.contains(document.elementFromPoint(innerWidth / 2, 40))")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    visit(page, address)
    expect(page.get_by_text("must pass on the headers")).to_have_count(0)
    page.context.close()


def test_without_the_token_nothing_is_answered_but_that_the_server_is_well(locked: tuple[str, str]) -> None:
    address, token = locked
    assert len(token) >= 32
    for path in (*PATHS, "/static/js/any.js"):
        for words in ("", "token=wrong", "token=", f"token={token}&token=x"):
            status = ask(address, f"{path}{'&' if '?' in path else '?'}{words}").status
            assert status == (200 if path == "/_stcore/health" else 401), (path, words)
    port = urlsplit(address).port
    for headers in (
        {},
        {"Cookie": f"snowball-{port}=wrong"},
        {"Cookie": f"snowball-{port}={token}"},
        {"Authorization": "Bearer x"},
    ):
        assert shake(address, **headers) == 403, headers
        assert ask(address, "/", **headers).status == 401, headers
    login = ask(address, "/motion?step=7").read().decode()
    assert "access token" in login
    assert token not in login
    assert "<script" not in login


def test_the_token_in_an_address_becomes_a_cookie_and_goes_from_the_address(locked: tuple[str, str]) -> None:
    address, token = locked
    answer = ask(address, f"/motion?run=a%20b&token={token}&step=7")
    assert (answer.status, answer.headers["Location"]) == (303, "/motion?run=a+b&step=7")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert cookie.startswith(f"snowball-{urlsplit(address).port}=")
    assert token not in cookie
    assert ask(address, "/", Cookie=cookie.split(";")[0]).status == 200
    assert shake(address, Cookie=f"other=1; {cookie.split(';')[0]}", Origin=address) == 101
    assert ask(address, f"//evil.example/?token={token}").headers["Location"] in ("/evil.example/", None)
    for kind in ("Bearer", "token"):
        assert ask(address, "/_stcore/host-config", Authorization=f"{kind} {token}").status == 200
        assert shake(address, Authorization=f"{kind} {token}") == 101
    assert shake(address, f"/_stcore/stream?token={token}") == 101
    assert shake(address, Authorization=f"Bearer {token}", Origin="http://127.0.0.1:1") == 403
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert ask(address, "/export?step=7", "POST", urlencode({"token": token}), **form).headers["Location"] == "/export?step=7"
    assert ask(address, "/export?step=7", "POST", urlencode({"token": "wrong"}), **form).status == 401


def test_with_the_token_the_app_works_in_a_browser_and_a_download_needs_it(
    browser: Browser, tmp_path: Path, make_run: MakeRun
) -> None:
    run, chosen = make_run(), "my own/täken&"
    with serve(tmp_path, SNOWBALL_TOKEN=chosen) as address:
        page = browser.new_context(accept_downloads=True).new_page()
        page.goto(f"{address}/?run={run.id}&step=7")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button").click()
        expect(page.locator("p").first).to_contain_text("Wrong access token")
        page.get_by_label("Token").fill(chosen)
        page.get_by_role("button").click()
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 7 ")
        at_rest(page)
        assert "token" not in page.url
        unfold(page, "take-home")
        assert taken(page, "take-summary-csv")[1]
        link = page.locator(".st-key-take-summary-csv a").get_attribute("href") or ""
        assert ask(address, link).status == 401
        visit(page, f"{address}/?{urlencode({'token': chosen})}")
        expect(page.locator("h1")).to_have_text("Scrub")
        assert "token" not in page.url
        page.context.close()
