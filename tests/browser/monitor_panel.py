"""Panel: the monitor in a plain page, with a kernel that a test plays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from uproot_nb.monitor.widget import monitor_module

STATIC = Path(__file__).parents[2] / "uproot_nb" / "static"
NEWS: dict[str, Any] = {
    "op": "news", "n": 1, "total": 400, "state": "running", "errors": [], "presence": [],
    "points": [], "everything": True, "name": "market", "join": "http://localhost/join/",
    "qr": "data:,", "fields": [], "chart": "",
    "players": [
        [name, label, "Market", None, "online", None, [], f"http://localhost/{name}", at]
        for at, (name, label) in enumerate([("abc12", "red"), ("def34", "red"), ("ghi56", "blue")])
    ],
}  # fmt: skip
ROWS = [
    [at, 1764000000.5 + at, "set", "player/abc12" if at % 2 else "session", "price", str(at * 7),
     "abc12", "Market", "Market.bid"]
    for at in range(1, 401)
]  # fmt: skip


class Panel:
    """The panel, what it has said, and what it is told."""

    def __init__(
        self, page: Page, width: int = 900, news: dict[str, Any] = NEWS, height: int = 700
    ) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_viewport_size({"width": width, "height": height})
        page.set_content("<!DOCTYPE html><body style='margin:0'><div id=el></div></body>")
        page.add_script_tag(path=STATIC / "vendor/uplot/uPlot.iife.min.js")
        page.add_style_tag(path=STATIC / "monitor" / "monitor.css")
        page.evaluate(
            """async (source) => {
                const blob = new Blob([source], { type: "text/javascript" });
                const { default: widget } = await import(URL.createObjectURL(blob));
                window.said = [];
                window.hears = {};
                const model = {
                    get: (name) => name === "kind" ? "monitor" : "mark", off() {},
                    on: (name, act) => { hears[name] = act; },
                    send: (message) => said.push(message),
                };
                widget.render({ model, el: document.getElementById("el") });
            }""",
            monitor_module(),
        )
        self.tell(news)

    def tell(self, message: dict[str, Any]) -> None:
        self.page.evaluate("(message) => hears['msg:custom'](message)", message)

    def said(self, op: str) -> list[dict[str, Any]]:
        return [one for one in self.page.evaluate("said") if one["op"] == op]

    def give_rows(self) -> None:
        """Answer the last question for rows as the kernel does."""
        asked = self.said("rows")[-1]
        rows = ROWS[asked["a"] : asked["a"] + asked["count"]]
        self.tell({**asked, "rows": rows, "total": len(ROWS), "found": False})

    def open_events(self) -> None:
        self.page.get_by_role("tab", name="Events").click()
        self.give_rows()  # which tells how many there are
        self.give_rows()

    def act(self, what: str) -> Any:
        self.page.locator(f"[data-action={what}]").click()
        return self.page.get_by_role("alertdialog")


def keep_picture(page: Page, name: str) -> None:
    """Keep a screenshot if a folder for them is named."""
    folder = os.environ.get("UPROOT_NB_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
