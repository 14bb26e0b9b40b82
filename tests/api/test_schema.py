"""The documentation that a server has of its API: a document, and a page that loads nothing else."""

import base64
import hashlib
import re

from tests.firm import Firm


def test_anybody_may_read_the_document_and_the_page(firm: Firm) -> None:
    document = firm.client.get("/api/schema/openapi.json")
    assert document.headers["content-type"] == "application/json"
    assert document.json()["openapi"].startswith("3.1.")
    for path in ("/api/schema", "/api/schema/"):
        page = firm.client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_the_page_runs_its_own_script_and_style_and_loads_nothing_from_elsewhere(firm: Firm) -> None:
    response = firm.client.get("/api/schema")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|//\w", policy)
    for tag, source in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in policy
    # What the policy would refuse, and what would leave the server.
    assert not re.search(r"""\son\w+=["']|\sstyle=["']|javascript:""", response.text)
    assert not re.search(r"""(?:src|href|url|fetch|import)\s*[=(:]\s*["'(]*https?://""", response.text)


def test_the_page_works_with_a_screen_reader(firm: Firm) -> None:
    page = firm.client.get("/api/schema").text
    assert '<html lang="en">' in page
    assert '<a class="skip" href="#content">' in page
    for landmark in ("<nav aria-label=", '<main id="content"', "<title>", "<noscript>"):
        assert landmark in page
    for control in re.findall(r"<input[^>]*>", page):
        [name] = re.findall(r'id="(\w+)"', control)
        assert f'<label for="{name}">' in page


def test_the_address_of_the_server_opens_in_a_browser(firm: Firm) -> None:
    page = firm.client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    links = re.findall(r'href="([^"]+)"', page.text)
    assert "api/schema" in links
    for link in links:
        assert firm.client.get(f"/{link}").status_code == 200
