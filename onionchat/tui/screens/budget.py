"""One rate for all links together, instead of a schedule for each."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from ...control.replies import Policy
from ...control.requests import BudgetSet, PolicyShow
from .. import wording
from ..widgets.choices import Choices
from .acts import Act, ActsSheet
from .panel import prose


class BudgetSheet(ActsSheet):
    """Choose a budget by what it costs, or drop the one that holds."""

    TITLE: ClassVar[str] = "One rate for all links"

    def parts(self) -> ComposeResult:
        """What it does; the choices come with the engine's answer."""
        yield prose(
            "All links share it in a fixed rotation, so that the whole costs the same however many contacts "
            "there are. It goes before every schedule that was chosen. With more contacts each one's turn "
            "comes less often; what is said here is with those that you have now."
        )
        yield Choices(())

    def on_mount(self) -> None:
        """Ask what could be shared."""
        self.attempt(PolicyShow(), Policy, self._show)

    def _show(self, policy: Policy) -> None:
        acts = [
            Act(
                label=f"{budget.kilobytes:g} kB/s: for each {wording.with_cost(budget.schedule)}",
                do=self.asking(BudgetSet(kilobytes=budget.kilobytes)),
                now=budget.kilobytes == policy.budget,
            )
            for budget in policy.budgets
        ]
        if policy.budget is not None and policy.otherwise is not None:
            label = f"No budget; where nothing was chosen, {wording.with_cost(policy.otherwise)}"
            acts.append(Act(label=label, do=self.asking(BudgetSet())))
        self.offer(acts)
