"""A site in a headless Chromium, as files and from a host: its look at two widths, sorting, filtering, linked views.

Run by `nox -s browser`, as in_a_browser.py is.
"""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from helpers.browser import CONTRASTS, DESKTOP, LEAST_CONTRAST, PHONE, browser, requests, show
from helpers.made_records import budgeted, written
from helpers.made_run import SWEEP, write_run
from matplotlib.figure import Figure
from PIL import Image
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from bench.report.site import write_site

PAGES = ("index.html", "digits-8.html", "cifar10-32.html")
NAMES = ["method", "steps", "budget", "device", "origin", "protocol-version"]
COLUMN = """
const [table, title] = arguments;
const column = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent.trim() === title);
return [...table.tBodies[0].rows].filter(row => row.getClientRects().length)
  .map(row => row.cells[column].textContent.trim());
"""
BROKEN = "return [...document.images].filter(i => !(i.complete && i.naturalWidth > 0 && i.alt)).map(i => i.src)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of two run folders with a data set each; its plots are blank, as none is looked at here."""
    runs = tmp_path_factory.mktemp("runs")
    write_run(runs / "digits", SWEEP)
    written(budgeted(("sfddm", "pd", "ddim"), (1, 10), (0, 1), (120_000, 500_000)), runs / "cifar10", pictures=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, file, **_: Image.new("RGB", (8, 8)).save(file, "PNG"))
        write_site([runs / "digits", runs / "cifar10"], runs / "site", print)
    return runs / "site"


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser() as started:
        yield started


@pytest.fixture
def cells(site: Path, driver: Chrome) -> "Cells":
    """The table of all cells of the data set with budgets and published values."""
    driver.get("about:blank")
    show(driver, site / "cifar10-32.html", DESKTOP, "light")
    return Cells(driver)


class Cells:
    """The table that can be filtered, and what filters it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.table = driver.find_element(By.CSS_SELECTOR, ".filtered table")
        self.form = driver.find_element(By.CSS_SELECTOR, "form.filters")

    def choice(self, name: str) -> Select:
        return Select(self.form.find_element(By.NAME, name))

    def column(self, title: str) -> list[str]:
        """The texts of a column in the rows that are shown."""
        found = self.driver.execute_script(COLUMN, self.table, title)
        assert found is not None
        return list(found)

    def count(self) -> str:
        return self.form.find_element(By.TAG_NAME, "output").text

    def fragment(self) -> str:
        return str(self.driver.execute_script("return location.hash"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_as_a_file_without_a_complaint_or_a_request_beyond_its_folder_and_fits(
    name: str, width: int, scheme: str, site: Path, driver: Chrome
) -> None:
    requests(driver, site / name)
    driver.get_log("browser")
    show(driver, site / name, width, scheme)
    assert driver.get_log("browser") == []
    asked = requests(driver, site / name)
    assert (site / name).as_uri() in asked
    assert [url for url in asked if not url.startswith((f"{site.as_uri()}/", "data:,"))] == []
    assert driver.execute_script(BROKEN) == []
    across, there = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert across <= there == width
    contrasts = driver.execute_script(CONTRASTS)
    assert len(contrasts) > 50
    assert [found for found in contrasts if found[0] < LEAST_CONTRAST] == []
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert (sum(map(int, background)) > 3 * 128) == (scheme == "light")


def test_a_page_of_a_host_shows_its_pictures_and_asks_no_other(site: Path, driver: Chrome) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/digits-8.html"
        driver.get_log("browser")
        driver.get(address)
        assert driver.execute_script("return document.images.length") >= 10
        assert driver.execute_script(BROKEN) == []
        assert driver.get_log("browser") == []
        server.shutdown()


def test_every_row_is_shown_at_first_and_each_choice_has_a_label_and_all_values(cells: Cells) -> None:
    rows = len(cells.column("method"))
    assert cells.count() == f"{rows} of {rows} rows"
    labels = [label.text.split("\n")[0] for label in cells.form.find_elements(By.TAG_NAME, "label")]
    assert [label.replace(" ", "-") for label in labels] == NAMES
    assert [Select(one).first_selected_option.text for one in cells.form.find_elements(By.TAG_NAME, "select")] == [
        "all"
    ] * 6
    steps = [one.text for one in cells.choice("steps").options]
    assert (steps[:2], steps[-1]) == (["all", "1"], "– (none)")
    assert {10, 100, 1000} <= set(map(int, steps[1:-1]))
    assert sorted(steps[1:-1], key=int) == steps[1:-1]
    assert [one.text for one in cells.choice("origin").options] == ["all", "control", "measured here", "published"]
    assert [one.text for one in cells.choice("budget").options] == ["all", "120k", "500k", "– (none)"]


def test_choices_narrow_the_rows_together_and_stand_in_the_address(cells: Cells) -> None:
    cells.choice("method").select_by_visible_text("ddim")
    assert set(cells.column("origin")) == {"control", "published"}
    cells.choice("steps").select_by_visible_text("10")
    cells.choice("origin").select_by_visible_text("published")
    assert cells.column("method") == ["ddim (grid=quad, eta=0.0, clip=none)", "ddim (grid=quad, eta=1.0, clip=none)"]
    assert cells.count().startswith("2 of ")
    assert cells.fragment() == "#method=ddim&steps=10&origin=published"
    cells.form.find_element(By.TAG_NAME, "button").click()
    rows = len(cells.column("method"))
    assert rows > 2
    assert cells.count() == f"{rows} of {rows} rows"
    assert cells.fragment() == ""


@pytest.mark.parametrize("name", NAMES)
def test_each_choice_shows_the_rows_with_its_value_and_no_other(name: str, cells: Cells) -> None:
    def values() -> list[str]:
        texts = cells.column(name.replace("-", " "))
        return [text.split(" (")[0] for text in texts] if name == "method" else texts

    everything, choice = values(), cells.choice(name)
    options = [option.get_attribute("value") for option in choice.options[1:]]
    assert set(options) == set(everything)
    for value in options[:3] + options[-1:]:
        choice.select_by_value(value)
        assert values() == [text for text in everything if text == value]


def test_a_linked_view_is_shown_when_it_is_opened_and_when_the_address_changes(site: Path, cells: Cells) -> None:
    driver = cells.driver
    driver.get("about:blank")
    driver.get(f"{(site / 'cifar10-32.html').as_uri()}#budget=120k&method=pd")
    cells = Cells(driver)
    assert set(cells.column("method")) == {"pd"}
    assert set(cells.column("budget")) == {"120k"}
    assert driver.execute_script("return scrollY") > 0
    driver.execute_script("location.hash = 'steps=1&protocol-version=1'")
    assert set(cells.column("steps")) == {"1"}
    assert cells.choice("budget").first_selected_option.text == "all"
    count = cells.count()
    driver.execute_script("location.hash = 'headlines'")
    assert cells.count() == count
    driver.execute_script("location.hash = 'method=none-such&steps=10'")
    assert cells.count().endswith("rows; no method is none-such")
    assert set(cells.column("steps")) == {"10"}


def test_the_index_links_to_the_rows_of_a_step_count(site: Path, driver: Chrome) -> None:
    show(driver, site / "index.html", DESKTOP, "light")
    driver.find_element(By.LINK_TEXT, "4 steps").click()
    cells = Cells(driver)
    assert driver.current_url == f"{(site / 'digits-8.html').as_uri()}#steps=4"
    assert set(cells.column("steps")) == {"4"}


def test_sorting_keeps_the_filter_and_works_by_keyboard_as_filtering_does(cells: Cells) -> None:
    method = cells.form.find_element(By.NAME, "method")
    method.send_keys("sfddm")
    assert set(cells.column("method")) == {"sfddm"}
    head = next(h for h in cells.table.find_elements(By.CSS_SELECTOR, "thead th") if h.text.startswith("FID"))
    button = head.find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)
    up = [float(text.split(" ")[0]) for text in cells.column("FID")]
    assert len(up) == 4
    assert up == sorted(up)
    button.send_keys(Keys.SPACE)
    assert [float(text.split(" ")[0]) for text in cells.column("FID")] == up[::-1]
    assert set(cells.column("method")) == {"sfddm"}


def test_choices_can_be_reached_by_tab_and_show_their_focus(cells: Cells) -> None:
    cells.form.find_element(By.NAME, "method").send_keys(Keys.TAB)
    focused = cells.driver.switch_to.active_element
    assert focused.get_attribute("name") == "steps"
    assert focused.value_of_css_property("outline-style") == "solid"
    assert focused.value_of_css_property("outline-width") == "2px"


def test_without_scripts_the_page_shows_every_row_and_no_dead_control(site: Path, driver: Chrome) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(f"{(site / 'digits-8.html').as_uri()}#steps=4")
        rows = driver.find_elements(By.CSS_SELECTOR, ".filtered tbody tr")
        assert len(rows) > 8
        assert all(row.is_displayed() for row in rows)
        assert driver.find_elements(By.CSS_SELECTOR, "form, button, select") == []
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_on_a_phone_choices_stand_two_a_row_and_the_table_scrolls_in_its_own_container(
    site: Path, driver: Chrome
) -> None:
    show(driver, site / "cifar10-32.html", PHONE, "dark")
    cells = Cells(driver)
    places = [one.rect for one in cells.form.find_elements(By.TAG_NAME, "select")]
    assert len({place["x"] for place in places}) == 2
    assert all(place["x"] + place["width"] <= PHONE for place in places)
    inside, wide, high = driver.execute_script("""
      const c = document.querySelector(".filtered .scroll");
      c.scrollLeft = 50;
      return [c.scrollLeft, c.scrollWidth - c.clientWidth, c.clientHeight];
    """)
    assert inside == 50 < wide
    assert high < 900
