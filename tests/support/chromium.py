"""Debian's Chromium, driven by Playwright; whatever a page complains about is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    sync_playwright,
)

from tests.support.browser import Browser as FormBrowser

CHROMIUM: Final = Path("/usr/bin/chromium")
TIMEOUT_MS: Final = 15_000

NARROW: Final = 360
USUAL: Final = 1280
WIDE: Final = 2560
HEIGHT: Final = 900

_NOTE_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
_OVERFLOW: Final = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return "";
  const scrolls = (each) => each && (getComputedStyle(each).overflowX !== "visible" || scrolls(each.parentElement));
  const wide = [...document.querySelectorAll("main *, header *, footer *")].filter(
    (each) => each.getBoundingClientRect().right > width + 1 && !scrolls(each));
  return wide.slice(0, 3).map((each) => each.outerHTML.slice(0, 120)).join(" | ") || "the page itself";
}"""


class Watched:
    """A page, and all that was wrong with it since the last look."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._problems: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._problems.append(f"script: {error}"))
        page.on("requestfailed", self._failed)
        page.on("dialog", self._dialog)

    def open(self, address: str) -> int:
        """Open a page; return its status."""
        answer = self.page.goto(address)
        assert answer is not None, address
        return answer.status

    def problems(self) -> list[str]:
        """Return what was wrong since the last call."""
        found, self._problems = self._problems, []
        return found

    def overflow(self) -> str:
        """Return what is wider than the window; empty if nothing is."""
        found: str = self.page.evaluate(_OVERFLOW)
        return found

    def accessibility(self, *ignored: str) -> list[str]:
        """Return what axe-core finds wrong, but for some rules."""
        rules = {rule: {"enabled": False} for rule in ignored}
        options: dict[str, Any] = {"resultTypes": ["violations"], "rules": rules}
        found = Axe().run(self.page, options=options).response["violations"]
        return [
            f"{each['id']}: {node['html'][:160]} ({_first_line(node.get('failureSummary', ''))})"
            for each in found
            for node in each["nodes"][:2]
        ]

    def _console(self, message: ConsoleMessage) -> None:
        is_own_status = (
            "Failed to load resource" in message.text and message.location.get("url") == self.page.url
        )
        if message.type in {"error", "warning"} and not is_own_status:
            self._problems.append(f"console: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self._problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # left for another page
            self._problems.append(f"request: {request.url} {request.failure}")


class Chromium:
    """One browser; every visitor gets cookies of their own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def visitor(
        self,
        url: str,
        signed_in: FormBrowser | None = None,
        *,
        width: int = USUAL,
        color_scheme: str = "light",
        java_script: bool = True,
        locale: str = "en",
    ) -> Iterator[Watched]:
        """Give a page of a visitor; `signed_in` lends its session."""
        options: dict[str, Any] = {
            "base_url": url,
            "viewport": {"width": width, "height": HEIGHT},
            "color_scheme": color_scheme,
            "java_script_enabled": java_script,
            "locale": locale,
            "reduced_motion": "reduce",  # no colours on the way from one to another
        }
        context: BrowserContext = self._browser.new_context(**options)
        try:
            if signed_in is not None:
                cookies = [
                    {"name": each.name, "value": each.value, "url": url}
                    for each in signed_in.http.cookies.jar
                ]
                context.add_cookies(cookies)  # type: ignore[arg-type]  # the library's name for a dictionary
            if java_script:
                context.add_init_script(_NOTE_VIOLATIONS)
            yield Watched(context.new_page())
        finally:
            context.close()


@contextmanager
def start_chromium() -> Iterator[Chromium]:
    """Start the browser, and end it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            yield Chromium(browser)
        finally:
            browser.close()


def _first_line(summary: str) -> str:
    lines = [line.strip() for line in summary.splitlines() if line.strip()]
    return lines[1][:140] if len(lines) > 1 else ""
