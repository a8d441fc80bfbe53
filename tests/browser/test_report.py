"""The report's page in a real browser, at a desktop's and at a phone's width, in both themes."""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from sectigo_vault_pki.console.report.certificates import certificate_from
from sectigo_vault_pki.console.report.html_page import write_page
from sectigo_vault_pki.console.report.summary import Report, sorted_by_end
from tests.browser.api_explorer import browser
from tests.support.inventory import Info, inventory

pytestmark = pytest.mark.browser

NOW = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
WIDTHS, THEMES = (1280, 390), ("light", "dark")
LEAST_CONTRAST = 4.5
"""Of text against what is behind it (WCAG 2.2, 1.4.3)."""
_SECONDS = 20


def evil_entry() -> Info:
    """Return an entry whose every text is markup."""
    texts = ("common_name", "issuer", "key_type", "status", "config", "unique_id", "requested_by", "serial_number")
    return {
        **dict.fromkeys(texts, EVIL),
        "dns_names": [EVIL, "</script>"],
        "key_bits": 0,
        "not_after": "2027-01-01T00:00:00Z",
    }


def page_of(count: int, folder: Path) -> Path:
    words: dict[str, str] = {}
    found = inventory(count, now=NOW)
    found["web"]["evil"] = evil_entry()
    rows = sorted_by_end(
        certificate_from(config, key, info, words) for config, infos in found.items() for key, info in infos.items()
    )
    report = Report("https://vault.example.com:8200", EVIL, int(NOW.timestamp()), "0.1.0", rows, [EVIL])
    out = StringIO()
    write_page(report, out)
    file = folder / "report.html"
    file.write_text(out.getvalue(), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Page:
    """The page in a browser."""

    driver: WebDriver
    file: Path

    def open(self, width: int = 1280, theme: str = "light") -> None:
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
        self.complaints()  # of what was open before
        self.driver.get(self.file.as_uri())
        WebDriverWait(self.driver, _SECONDS).until(lambda _: self.one("#main").is_displayed())
        WebDriverWait(self.driver, _SECONDS).until(lambda _: self.driver.find_elements(By.CSS_SELECTOR, "#chart svg"))

    def complaints(self) -> object:
        """Return what the browser has logged since the last call: errors, and what the page's policy forbids."""
        return self.driver.execute("getLog", {"type": "browser"})["value"]

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [found.text for found in self.driver.find_elements(By.CSS_SELECTOR, selector)]

    def run(self, script: str) -> object:
        return self.driver.execute_script(script)

    def wait_for(self, said: str) -> None:
        """Wait until the number of rows that are found is said so."""
        WebDriverWait(self.driver, _SECONDS).until(lambda _: said in self.one("#found").text.replace("\u202f", ""))

    def picture(self, file: Path) -> None:
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        file.write_bytes(base64.b64decode(shot["data"]))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser() as driver:
        yield Page(driver, page_of(2_000, tmp_path_factory.mktemp("report")))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen_and_is_legible(page: Page, width: int, theme: str, tmp_path: Path) -> None:
    page.open(width, theme)
    page.picture(tmp_path / f"report-{theme}-{width}.png")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.run(CONTRASTS) == []
    assert page.complaints() == []


def test_nothing_of_the_data_becomes_markup_and_nothing_is_loaded(page: Page) -> None:
    page.open()
    page.one("#search").send_keys("owned")
    page.wait_for("1 of 2001")
    assert page.texts("#rows .link") == [EVIL]
    page.one("#rows .link").click()
    assert EVIL in page.one("#details").text
    assert page.driver.title == f"Certificates of {EVIL}"
    assert page.run("return document.querySelectorAll('img, script:not(#data):not(:last-of-type)').length") == 0
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    page.one("#details .close").click()


def test_foreign_programs_do_not_run_on_the_page(page: Page) -> None:
    page.open()
    page.run(
        "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s);"
    )
    assert page.driver.title != "1"


def test_a_search_finds_by_name_by_serial_number_and_by_several_words(page: Page) -> None:
    page.open()
    name = page.one("#rows .link").text
    page.one("#search").send_keys(name.upper())
    page.wait_for(" of 2001")
    assert page.texts("#rows .link") == [name]
    page.one("#rows .link").click()
    details = page.texts("#details dt")
    serial = page.texts("#details dd")[details.index("Serial number")]
    page.one("#details .close").click()
    page.one("#search").clear()
    page.one("#search").send_keys(f"{serial} example.com")
    page.wait_for("1 of 2001")
    assert page.texts("#rows .link") == [name]


def test_columns_are_sorted_by_a_click_and_back_by_another(page: Page) -> None:
    page.open()
    page.one("th.name button").click()
    up = page.texts("#rows .link")[1:]
    page.one("th.name button").click()
    down = page.texts("#rows .link")
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert page.one("th.name").get_attribute("aria-sort") == "descending"


def test_tiles_columns_of_the_chart_and_counts_choose_what_is_listed(page: Page) -> None:
    page.open()
    tile = page.one(".tile.urgent")
    count = tile.find_element(By.TAG_NAME, "strong").text
    tile.click()
    page.wait_for(f"{count} of 2001")
    assert set(page.texts("#rows .pill")) == {"expired"}
    page.one(".chip").click()
    page.wait_for("2001 certificates")
    page.run("document.querySelector('.column[role]').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert [text[:-2] for text in page.texts(".chip")] == ["in use", "expires: expired"]
    assert set(page.texts("#rows .pill")) == {"expired"}
    page.open()
    page.one(".card:nth-child(2) .count").click()
    assert set(page.texts("#rows td.config")) == {"web"}


def test_only_rows_in_sight_are_elements_and_the_last_one_is_reached(page: Page) -> None:
    page.open()
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#rows tr")) < 60
    page.run("const v = document.getElementById('viewport'); v.scrollTop = v.scrollHeight")
    WebDriverWait(page.driver, _SECONDS).until(
        lambda _: page.driver.find_elements(By.CSS_SELECTOR, '#rows tr[aria-rowindex="2002"]')
    )
    assert page.texts("#rows td.end")[-1].startswith("not issued")
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#rows tr")) < 60


def test_the_keyboard_reaches_a_certificate_and_leaves_it_again(page: Page) -> None:
    page.open()
    page.run("document.querySelector('#rows .link').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.one("#details").is_displayed()
    assert "bao read" in page.one("#details .command").text
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.one("#details").is_displayed()


def test_a_successor_is_shown_and_leads_back(page: Page) -> None:
    page.open()
    page.one("#search").send_keys("renewed")
    page.wait_for(" of 2001")
    page.one("#rows .link").click()
    first = page.one("#details-name").text
    dialog = page.texts("#details dt")
    page.one("#details dd .link").click()
    assert "Renewed to" in dialog
    assert "Renewed from" in page.texts("#details dt")
    page.driver.find_elements(By.CSS_SELECTOR, "#details dd .link")[-1].click()
    assert page.one("#details-name").text == first


def test_the_theme_can_be_turned_over(page: Page) -> None:
    page.open(theme="dark")
    dark = page.run("return getComputedStyle(document.body).backgroundColor")
    page.one("#theme").click()
    assert page.run("return getComputedStyle(document.body).backgroundColor") != dark
    assert page.one("#theme").text == "Dark"


def test_paper_gets_the_first_thousand_rows_and_a_note(page: Page, tmp_path: Path) -> None:
    page.open(theme="dark")
    printed = page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    (tmp_path / "report.pdf").write_bytes(base64.b64decode(printed["data"]))
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#rows tr")) == 1000
    assert page.one("#cut").text.replace("\u202f", "").startswith("The first 1000 of 2001")
    page.run("window.dispatchEvent(new Event('afterprint'))")
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#rows tr")) < 60


@pytest.mark.parametrize("width", WIDTHS)
def test_a_hundred_thousand_certificates_are_filtered_and_sorted_without_waiting(
    page: Page, width: int, tmp_path: Path
) -> None:
    large = Page(page.driver, page_of(100_000, tmp_path))
    assert large.file.stat().st_size < 5 * 2**20
    began = time.monotonic()
    large.open(width)
    assert time.monotonic() - began < 10
    large.run(
        "const s = document.getElementById('search'); s.value = 'grafana shop'; s.dispatchEvent(new Event('input'))"
    )
    large.wait_for(" of 100001")
    for key in ("name", "issuer", "end"):
        took = large.run(
            f"const began = performance.now(); document.querySelector('th.{key} button').click();"
            "return performance.now() - began"
        )
        assert isinstance(took, float | int)
        assert took < 2_000


CONTRASTS = """
const parse = (text) => text.match(/[0-9.]+/g).map(Number);
const linear = (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = (color) => color.slice(0, 3).map((c) => linear(c / 255))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const color = parse(getComputedStyle(each).backgroundColor);
    if (color.length === 3 || color[3] > 0.99) return color;
  }
  return [255, 255, 255];
};
const poor = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.checkVisibility() || ['SCRIPT', 'NOSCRIPT', 'STYLE'].includes(element.tagName)) continue;
  const style = getComputedStyle(element);
  const [a, b] = [light(parse(element instanceof SVGElement ? style.fill : style.color)), light(behind(element))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < LEAST) poor.push([element.className, element.textContent.slice(0, 20), contrast.toFixed(2)].join(' '));
}
return [...new Set(poor)];
""".replace("LEAST", str(LEAST_CONTRAST))
