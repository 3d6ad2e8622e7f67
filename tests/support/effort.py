"""What it takes somebody to get what they want: clicks and drags, counted by the browser itself."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

_COUNTING = """
if (window === window.top) {
  const told = () => JSON.parse(sessionStorage.getItem("effort") ?? '{"clicks": 0, "drags": 0}');
  let from = null;
  addEventListener("pointerdown", (event) => { from = event; }, true);
  addEventListener("pointerup", (event) => {
    const far = from && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > 8;
    const effort = told();
    effort[far ? "drags" : "clicks"] += 1;
    sessionStorage.setItem("effort", JSON.stringify(effort));
  }, true);
}
"""


@dataclass(frozen=True)
class Effort:
    """Presses of the pointer; those during which it moved are drags."""

    clicks: int
    drags: int


def count_effort(page: Page) -> None:
    """Count from the next page on, in this tab."""
    page.context.add_init_script(_COUNTING)
    page.evaluate("sessionStorage.removeItem('effort')")


def effort(page: Page) -> Effort:
    """What it has taken since, on this site."""
    told = page.evaluate("JSON.parse(sessionStorage.getItem('effort') ?? '{\"clicks\": 0, \"drags\": 0}')")
    return Effort(told["clicks"], told["drags"])
