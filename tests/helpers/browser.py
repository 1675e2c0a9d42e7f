"""A headless Chromium for tests, at any width, light or dark."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

DESKTOP, PHONE = 1280, 390
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA, text of normal size

# Every element with text of its own: its contrast against the nearest background that is not transparent.
CONTRASTS = """
const luminance = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return colour;
  }
  return "rgb(255, 255, 255)";
};
return [...document.querySelectorAll("body *")]
  .filter(e => !["SCRIPT", "STYLE"].includes(e.tagName))
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
  .map(e => {
    const [a, b] = [getComputedStyle(e).color, behind(e)].map(luminance).sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.tagName, e.className];
  });
"""

PROGRAMS = {"Chromium": ("chromium", "chromium-browser", "google-chrome"), "its driver": ("chromedriver",)}
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
)


def program(what: str) -> str:
    """Return the path of a program; if it is missing, fail and say how to install it."""
    for name in PROGRAMS[what]:
        if path := shutil.which(name):
            return path
    pytest.fail(f"{what} is not installed; on Debian: apt-get install chromium chromium-driver")


@contextmanager
def browser() -> Iterator[Chrome]:
    """Yield a browser with an empty profile that logs its console and every request."""
    with TemporaryDirectory() as profile:
        options = ChromeOptions()
        options.binary_location = program("Chromium")
        for option in (*OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = Chrome(options, Service(program("its driver")))
        try:
            yield driver
        finally:
            driver.quit()


def show(driver: Chrome, page: Path, width: int, scheme: str) -> None:
    """Open a page at a width in pixels, light or dark."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.get(page.absolute().as_uri())


def requests(driver: Chrome, page: Path) -> list[str]:
    """Return the addresses that a page, and not the browser's own first tab, requested since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [one["request"]["url"] for one in sent if one["documentURL"] == page.absolute().as_uri()]
