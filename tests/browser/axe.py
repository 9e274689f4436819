"""axe: what Deque's accessibility checker finds wrong with a page that is open in a browser.

axe-core itself is in vendor/axe-core, as npm has it (version in vendor/VERSIONS.json, MPL-2.0).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SCRIPT = Path(__file__).resolve().parent / "vendor" / "axe-core" / "axe.min.js"

RUN = """async ([where, rules]) => {
    const found = await axe.run(where || document, { resultTypes: ["violations"], rules });
    return found.violations.map(({ id, impact, help, nodes }) => ({
        id, impact, help, nodes: nodes.map(node => [node.target.join(" "), node.failureSummary]),
    }));
}"""

SETTLED = """async () => {
    const moving = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.allSettled(moving.map((one) => one.finished));
}"""


def violations(page: Page, where: str = "", *, ignore: tuple[str, ...] = ()) -> list[str]:
    """Return a text for each element that breaks a rule of axe-core; none is what we want.

    Args:
        where: a CSS selector; only what is in there is checked.
        ignore: the ids of rules that do not count.
    """
    # evaluate() runs also where a policy of the page forbids added scripts
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(SCRIPT.read_text("utf-8"))
    page.evaluate(SETTLED)  # in the middle of a transition, colours are nobody's choice
    rules = {rule: {"enabled": False} for rule in ignore}
    found: list[dict[str, Any]] = page.evaluate(RUN, [where, rules])
    return [_told(rule, *node) for rule in found for node in rule["nodes"]]


def _told(rule: dict[str, Any], target: str, summary: str) -> str:
    return f"{rule['id']} ({rule['impact']}): {rule['help']}\n  {target}\n  {summary}"
