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
