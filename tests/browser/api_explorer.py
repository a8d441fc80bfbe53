"""The API explorer of OpenBao's web UI (Swagger UI), driven as a user does."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

_SECONDS = 30
_OPERATION = "operations-secrets-"


class BrowserMissingError(Exception):
    """The browser or its driver is not installed."""


@contextmanager
def browser() -> Iterator[WebDriver]:
    """Start a headless Chromium.

    Raises:
        BrowserMissingError: it is not installed.
    """
    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        raise BrowserMissingError("chromium and chromedriver are needed: Debian's packages chromium, chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # Chromium's own sandbox does not start for root, which CI is; it only visits our own server.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1800"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        yield driver
    finally:
        driver.quit()


class ApiExplorer:
    """The page that lists every operation and runs it."""

    def __init__(self, driver: WebDriver, address: str) -> None:
        self._driver = driver
        self._address = address
        self._wait = WebDriverWait(driver, _SECONDS)

    def log_in(self, token: str) -> None:
        """Log in with a token, and wait until the operations are listed."""
        self._driver.get(f"{self._address}/ui/vault/auth?redirect_to=%2Fvault%2Fapi-explorer&with=token")
        self._on_page("input[name=token]").send_keys(token)
        self._on_page("#auth-submit").click()
        self._on_page(f"[id^={_OPERATION}]")

    def operations(self, prefix: str) -> set[str]:
        """Return the ids of the listed operations that begin with `prefix`."""
        found = self._driver.find_elements(By.CSS_SELECTOR, f"[id^={_OPERATION}{prefix}]")
        return {str(element.get_attribute("id")).removeprefix(_OPERATION) for element in found}

    def run(
        self, operation: str, parameters: Mapping[str, str], body: Mapping[str, object] | None = None
    ) -> tuple[int, Any]:
        """Open an operation, fill in its form, execute it, and return the status and the JSON that the page shows."""
        block = self._on_page(f"#{_OPERATION}{operation}")
        self._driver.execute_script("arguments[0].scrollIntoView()", block)
        self._in(block, ".opblock-summary-control").click()
        self._in(block, "button.try-out__btn").click()
        for name, value in parameters.items():
            self._in(block, f"input[placeholder={name}]").send_keys(value)
        if body is not None:
            editor = self._in(block, "textarea.body-param__text")
            editor.send_keys(Keys.CONTROL, "a")  # `clear` does it behind the page's back
            editor.send_keys(json.dumps(body))
        self._in(block, "button.execute").click()
        answer = self._in(block, ".live-responses-table .response")
        status = self._in(answer, ".response-col_status").text.split()[0]
        shown = answer.find_elements(By.CSS_SELECTOR, ".response-col_description .highlight-code code")
        return int(status), json.loads(shown[0].text) if shown else None

    def form_of(self, operation: str) -> str:
        """Open an operation and return the text of its description, its parameters and its schemas."""
        block = self._on_page(f"#{_OPERATION}{operation}")
        self._in(block, ".opblock-summary-control").click()
        return self._in(block, ".opblock-body").text

    def _on_page(self, selector: str) -> WebElement:
        return self._wait.until(expected_conditions.presence_of_element_located((By.CSS_SELECTOR, selector)))

    def _in(self, element: WebElement, selector: str) -> WebElement:
        return WebDriverWait(element, _SECONDS).until(
            lambda parent: parent.find_element(By.CSS_SELECTOR, selector)  # waits while it is not found
        )
