"""Pages of Firefox with those methods of Playwright's that the tests use, so that one test runs in both browsers.

Playwright drives a Firefox of its own, which does not come from a package registry; this is the one that is installed.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from support.firefox import PATIENCE, Firefox

KEYS = {"Alt": "\ue00a", "Control": "\ue009", "Enter": "\ue006", "Escape": "\ue00c", "Shift": "\ue008", "Tab": "\ue004"}
"""Names of keys -> their signs (WebDriver, section 17.4.2)."""

SEEN = "each !== undefined && each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length > 0"
STATES = {"attached": "each !== undefined", "visible": SEEN}
HANDED_OVER = """((name, type, data) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
    each.files = transfer.files;
    each.dispatchEvent(new Event('change'));
})"""

RESTING = """(async (each) => {
    each.scrollIntoView({ block: 'center', behavior: 'instant' });
    const middle = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
    const before = middle(each.getBoundingClientRect());
    await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    const now = middle(each.getBoundingClientRect());
    const hit = document.elementFromPoint(...now);
    const its = each.contains(hit) || each.labels?.values().some((label) => label.contains(hit));
    return before.join() === now.join() && its ? now : null;
})"""
"""The middle of an element that rests and that a pointer there meets, as Playwright waits for; null until then."""


class FirefoxBrowser:
    """What Playwright calls a browser."""

    def __init__(self, driver: Firefox) -> None:
        self._driver = driver

    def new_context(self, *, viewport: dict[str, int] | None = None) -> FirefoxContext:
        return FirefoxContext(self._driver, viewport)


class FirefoxContext:
    """A user of its own, with one page."""

    def __init__(self, driver: Firefox, viewport: dict[str, int] | None) -> None:
        self._driver, self._viewport = driver, viewport or {"width": 1280, "height": 720}
        self._user = driver.command("browser.createUserContext")["userContext"]

    def new_page(self) -> FirefoxPage:
        created = self._driver.command("browsingContext.create", type="tab", userContext=self._user)
        page = FirefoxPage(self._driver, created["context"])
        page.set_viewport_size(self._viewport)
        return page

    def close(self) -> None:
        self._driver.command("browser.removeUserContext", userContext=self._user)


class FirefoxPage:
    """What Playwright calls a page; every method as there."""

    def __init__(self, driver: Firefox, context: str) -> None:
        self._driver, self._context = driver, context
        self.keyboard = Keyboard(self)
        driver.command("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"], contexts=[context])

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._driver.command(method, context=self._context, **parameters)

    def set_default_timeout(self, milliseconds: float) -> None:
        """Firefox has its own patience."""

    def set_viewport_size(self, size: dict[str, int]) -> None:
        self.command("browsingContext.setViewport", viewport=size)

    def add_init_script(self, script: str) -> None:
        self._driver.command(
            "script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}", contexts=[self._context]
        )

    def on(self, kind: str, handle: Callable[[Any], None]) -> None:
        self._driver.listeners.append((self._context, kind, handle))

    def goto(self, address: str) -> None:
        self.command("browsingContext.navigate", url=address, wait="complete")

    def reload(self) -> None:
        self.command("browsingContext.reload", wait="complete")

    def go_back(self) -> None:
        self.command("browsingContext.traverseHistory", delta=-1)

    def evaluate(self, source: str, argument: Any = None) -> Any:
        call = f"(typeof it === 'function' ? it({json.dumps(argument)}) : it)"
        result = self._driver.command(
            "script.evaluate",
            expression=f"(async () => {{ const it = ({source}); return JSON.stringify(await {call}) ?? 'null'; }})()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert result["type"] == "success", result
        return json.loads(result["result"]["value"])

    @property
    def url(self) -> str:
        return str(self.evaluate("location.href"))

    def title(self) -> str:
        return str(self.evaluate("document.title"))

    def wait_for_timeout(self, milliseconds: float) -> None:
        time.sleep(milliseconds / 1000)
        # What has happened meanwhile is told with the answer.
        self.evaluate("0")

    def wait_for_selector(self, selector: str, *, state: str = "visible") -> None:
        end = time.monotonic() + PATIENCE
        while not self.of(selector, f"document.querySelectorAll(selector).values().some((each) => {STATES[state]})"):
            assert time.monotonic() < end, f"{selector} is not {state}: {self.inner_text('main')}"
            time.sleep(0.05)

    def of(self, selector: str, expression: str) -> Any:
        """The value of an expression on `each`, the first element of a selector, undefined where there is none."""
        first = f"const selector = {json.dumps(selector)}; const each = document.querySelector(selector) ?? undefined;"
        return self.evaluate(f"() => {{ {first} return ({expression}); }}")

    def text_content(self, selector: str) -> str:
        return str(self._when_there(selector, "each.textContent"))

    def inner_text(self, selector: str) -> str:
        return str(self._when_there(selector, "each.innerText"))

    def get_attribute(self, selector: str, name: str) -> str | None:
        value = self._when_there(selector, f"each.getAttribute({json.dumps(name)})")
        return None if value is None else str(value)

    def input_value(self, selector: str) -> str:
        return str(self._when_there(selector, "each.value"))

    def is_disabled(self, selector: str) -> bool:
        return bool(self._when_there(selector, "each.disabled"))

    def is_visible(self, selector: str) -> bool:
        return bool(self.of(selector, SEEN))

    def is_hidden(self, selector: str) -> bool:
        return not self.is_visible(selector)

    def focus(self, selector: str) -> None:
        self._when_there(selector, "each.focus()")

    def fill(self, selector: str, text: str) -> None:
        self._when_there(selector, f"(each.focus(), each.value = {json.dumps(text)})")

    def select_option(self, selector: str, value: str) -> None:
        self._when_there(selector, f"(each.value = {json.dumps(value)}, each.dispatchEvent(new Event('change')))")

    def set_input_files(self, selector: str, file: dict[str, Any]) -> None:
        given = (file["name"], file["mimeType"], base64.b64encode(file["buffer"]).decode())
        self._when_there(selector, f"{HANDED_OVER}({', '.join(map(json.dumps, given))})")

    def click(self, selector: str) -> None:
        self.wait_for_selector(selector)
        end = time.monotonic() + PATIENCE
        # A page that is still being laid out would move it away from the pointer.
        while (place := self._when_there(selector, f"{RESTING}(each)")) is None:
            assert time.monotonic() < end, f"{selector} does not come to rest, or something lies over it"
        x, y = place
        moves = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.command("input.performActions", actions=[{"type": "pointer", "id": "mouse", "actions": moves}])

    def locator(self, selector: str) -> Locator:
        return Locator(self, selector)

    def _when_there(self, selector: str, expression: str) -> Any:
        self.wait_for_selector(selector, state="attached")
        return self.of(selector, expression)


class Keyboard:
    """What Playwright calls a keyboard."""

    def __init__(self, page: FirefoxPage) -> None:
        self._page = page

    def press(self, keys: str) -> None:
        signs = [KEYS.get(key, key) for key in keys.split("+")]
        presses = [{"type": "keyDown", "value": sign} for sign in signs]
        presses += [{"type": "keyUp", "value": sign} for sign in reversed(signs)]
        self._page.command("input.performActions", actions=[{"type": "key", "id": "keys", "actions": presses}])


class Locator:
    """All elements of a selector."""

    def __init__(self, page: FirefoxPage, selector: str) -> None:
        self._page, self._selector = page, selector

    def count(self) -> int:
        return int(self._page.of(self._selector, "document.querySelectorAll(selector).length"))

    def all_text_contents(self) -> list[str]:
        return list(
            self._page.of(self._selector, "[...document.querySelectorAll(selector)].map((one) => one.textContent)")
        )
