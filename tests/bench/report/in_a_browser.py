"""The report in a headless Chromium: of a real sweep on digits and of a synthetic one, at two widths, light and dark.

Run by `nox -s browser`, which .ci/run calls; it needs chromium and chromedriver, and fails without them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import CONTRASTS, DESKTOP, LEAST_CONTRAST, PHONE, browser, requests, show
from helpers.command_line import TINY, sfddm_bench
from helpers.made_run import SWEEP, write_run
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

PAGES = ("real", "synthetic")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports, made by the command: of a sweep that is really run, and of synthetic records."""
    folders = {name: tmp_path_factory.mktemp(name) for name in PAGES}
    run = sfddm_bench(
        "run", *TINY, "--methods", "sfddm,ddim", "--steps", "1,4", "--seeds", "0,1", "--out", str(folders["real"])
    )
    assert run.returncode == 0, run.stderr
    write_run(folders["synthetic"], SWEEP)
    for folder in folders.values():
        run = sfddm_bench("report", str(folder))
        assert run.returncode == 0, run.stderr
    return {name: folder / "report.html" for name, folder in folders.items()}


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser() as started:
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_a_complaint_or_a_request_and_fits(
    name: str, width: int, scheme: str, pages: dict[str, Path], driver: Chrome
) -> None:
    requests(driver, pages[name])
    driver.get_log("browser")
    show(driver, pages[name], width, scheme)
    assert driver.get_log("browser") == []
    asked = requests(driver, pages[name])
    assert pages[name].absolute().as_uri() in asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    sizes = driver.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt])")
    assert len(sizes) >= 10
    assert [size for size in sizes if not (size[0] and size[1] > 0)] == []
    across, there = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert across <= there == width
    contrasts = driver.execute_script(CONTRASTS)
    assert len(contrasts) > 100
    assert [found for found in contrasts if found[0] < LEAST_CONTRAST] == []


@pytest.mark.parametrize("name", PAGES)
def test_dark_is_dark_and_light_is_light(name: str, pages: dict[str, Path], driver: Chrome) -> None:
    sums = {}
    for scheme in ("light", "dark"):
        show(driver, pages[name], DESKTOP, scheme)
        colour = driver.execute_script(
            "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        sums[scheme] = sum(colour)
    assert sums["light"] > 3 * 230
    assert sums["dark"] < 3 * 50


def test_a_wide_table_scrolls_in_its_own_container_on_a_phone(pages: dict[str, Path], driver: Chrome) -> None:
    show(driver, pages["synthetic"], PHONE, "light")
    inside, wide = driver.execute_script("""
      const c = document.querySelector(".scroll");
      c.scrollLeft = 50;
      return [c.scrollLeft, c.scrollWidth - c.clientWidth];
    """)
    assert inside == 50 < wide


def column(table: WebElement, number: int) -> list[str]:
    return [
        row.find_elements(By.CSS_SELECTOR, "th,td")[number].text
        for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")
    ]


def test_sorting_by_click_is_by_number_with_dashes_last_both_ways(pages: dict[str, Path], driver: Chrome) -> None:
    show(driver, pages["synthetic"], DESKTOP, "light")
    table = driver.find_element(By.CSS_SELECTOR, "table.sortable")
    header = table.find_elements(By.CSS_SELECTOR, "thead th")[1]
    header.find_element(By.TAG_NAME, "button").click()
    assert column(table, 1) == ["9.11 ± 0.01 best", "40.50 ± 0.71 second", "1100.50 ± 0.71", "–", "–"]
    assert column(table, 0)[:3] == ["sfddm-trajectory", "sfddm", "ddim"]
    assert header.get_attribute("aria-sort") == "ascending"
    header.find_element(By.TAG_NAME, "button").click()
    assert column(table, 1) == ["1100.50 ± 0.71", "40.50 ± 0.71 second", "9.11 ± 0.01 best", "–", "–"]
    assert header.get_attribute("aria-sort") == "descending"
    assert table.find_element(By.CSS_SELECTOR, "tfoot th").text == "real data (floor)"


def test_sorting_by_keyboard_and_by_name_and_only_one_column_is_sorted(pages: dict[str, Path], driver: Chrome) -> None:
    show(driver, pages["synthetic"], DESKTOP, "light")
    table = driver.find_element(By.CSS_SELECTOR, "table.sortable")
    buttons = table.find_elements(By.CSS_SELECTOR, "thead button")
    buttons[2].send_keys(Keys.ENTER)
    assert column(table, 2)[-1] == "failed"
    buttons[0].send_keys(Keys.SPACE)
    assert column(table, 0)[1:] == ["ddim", "pd", "sfddm", "sfddm-trajectory"]
    assert len(table.find_elements(By.CSS_SELECTOR, "[aria-sort]")) == 1


def test_focus_is_visible(pages: dict[str, Path], driver: Chrome) -> None:
    show(driver, pages["synthetic"], DESKTOP, "light")
    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = driver.switch_to.active_element
    assert focused.tag_name == "a"
    assert focused.value_of_css_property("outline-style") == "solid"
    assert focused.value_of_css_property("outline-width") == "2px"


def test_real_sweep_sorts_every_table_both_ways(pages: dict[str, Path], driver: Chrome) -> None:
    show(driver, pages["real"], DESKTOP, "light")
    tables = driver.find_elements(By.CSS_SELECTOR, "table.sortable")
    assert len(tables) == 4  # the distance, its ratios, every quality measure, every cost
    for table in tables:
        head = table.find_elements(By.CSS_SELECTOR, "thead th")
        for number in range(1, len(head)):
            for down in (False, True):
                head[number].find_element(By.TAG_NAME, "button").click()
                cells = driver.execute_script(
                    "return [...arguments[0].tBodies[0].rows].map(r => r.cells[arguments[1]])"
                    ".map(cell => cell.dataset.value ?? cell.textContent)",
                    table,
                    number,
                )
                values = [float(cell.split(" ")[0]) for cell in cells if cell != "–"]
                assert values == sorted(values, reverse=down)
