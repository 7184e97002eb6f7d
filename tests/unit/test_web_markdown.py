"""Texts of users as HTML."""

import time

import pytest

from dtr.plumbing.web.markdown import MAX_HTML_LENGTH, render_markdown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "text <b onclick=alert(1)>bold</b>",
        "<!-- <script> -->",
        '```js" onload=alert(1)\n<script>\n```',
        "`<script>`",
        "| <script> |\n| --- |\n| <img src=x onerror=y> |",
        "# <svg onload=alert(1)>",
    ],
)
def test_html_is_shown_as_text(text: str) -> None:
    html = render_markdown(text)

    assert "<script" not in html
    assert "<img" not in html
    assert "<svg" not in html
    assert "onclick=alert(1)>" not in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#10;script:alert(1)",
        "&#106;avascript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:image/png;base64,AAAA",
        "vbscript:x",
        "file:///etc/passwd",
        "/logout",
        "//evil.example",
        "ftp://evil.example",
    ],
)
def test_links_lead_to_web_and_mail_addresses_only(address: str) -> None:
    for text in (f"[x]({address})", f"[x](<{address}>)", f"<{address}>", f"[x]\n\n[x]: {address}"):
        assert "<a" not in render_markdown(text)


def test_links_do_not_tell_where_they_are() -> None:
    html = render_markdown("[a](https://example.org/?a=1&b=2 \"a 'title'\") and <mailto:me@example.org>")

    assert '<a href="https://example.org/?a=1&amp;b=2"' in html
    assert html.count('rel="noopener noreferrer nofollow"') == 2


def test_pictures_of_other_sites_are_links() -> None:
    html = render_markdown("![badge](https://example.org/badge.svg)")

    assert "<img" not in html
    assert 'href="https://example.org/badge.svg"' in html


def test_tables_bring_no_styles() -> None:
    html = render_markdown("| a | b |\n| :-- | --: |\n| 1 | 2 |")

    assert "<td>1</td>" in html
    assert "style" not in html


def test_headings_stay_below_those_of_the_page() -> None:
    html = render_markdown("# one\n\ntwo\n---\n\n###### six")

    assert "<h3>one</h3>" in html
    assert "<h4>two</h4>" in html
    assert "<h6>six</h6>" in html


LONG = 25_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * LONG,
        "[a](" * (LONG // 4),
        "*a **a " * (LONG // 7),
        ">" * LONG,
        "\n".join("  " * depth + "- x" for depth in range(150)),
        "<a " * (LONG // 3),
        "`" * LONG,
        ("|" + "a|" * 1000 + "\n|" + "-|" * 1000 + "\n") + "x\n" * 9000,
        ("|" + "a|" * 60 + "\n|" + "-|" * 60 + "\n") + "x\n" * 9000,
        "&" * LONG,
    ],
    ids=lambda text: text[:6].strip(),
)
def test_texts_made_to_keep_us_busy_take_little_time_and_stay_short(text: str) -> None:
    started = time.process_time()
    html = render_markdown(text)

    assert time.process_time() - started < 1.5
    assert len(html) <= max(MAX_HTML_LENGTH, 6 * len(text))
