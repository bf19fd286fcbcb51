"""What a run says in the end: counts, and every survivor by name.

Laws: a mutant that no test can notice, because it does the same, is listed with its reason in
``docs/assessment/equivalent.toml`` and counted apart; it is never left out. An entry there that names no
survivor any more is an error, so that the list cannot grow stale.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Mapping
from typing import Final

from ..report import RESULTS, write
from .ledger import Ledger, Verdict, text_hash
from .operators import mutants, surroundings
from .target import PACKAGES, Module, modules

GOAL: Final = 95.0
EQUIVALENT: Final = RESULTS / "equivalent.toml"


def equivalents() -> dict[tuple[str, str], str]:
    """The reasons, by module and mutant."""
    if not EQUIVALENT.exists():
        return {}
    listed = tomllib.loads(EQUIVALENT.read_text())
    return {
        (module, name): entry["reason"]
        for module, entries in listed.items()
        for entry in entries
        for name in entry["mutants"]
    }


def verdicts(ledger: Ledger, module: Module) -> tuple[list[Verdict], int]:
    """What is known of a module's present text, and how many mutants were not tried yet."""
    tree = ast.parse(module.source)
    found = [
        ledger.get(module.name, text_hash(surroundings(tree, mutant).encode()), mutant.name)
        for mutant in mutants(tree)
    ]
    known = [verdict for verdict in found if verdict is not None]
    return known, len(found) - len(known)


class Standing:
    """How it stands with all mutants of the present text."""

    def __init__(self, ledger: Ledger) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.survivors: list[Verdict] = []
        self.same: list[Verdict] = []
        self.stale: list[tuple[str, str]] = []
        reasons = equivalents()
        for module in (module for package in PACKAGES for module in modules(package)):
            known, untried = verdicts(ledger, module)
            count = Counter[str](verdict.outcome for verdict in known if verdict.noticed)
            count["untried"] = untried
            bent = {mutant.name for mutant in mutants(ast.parse(module.source))}
            gone = {name for where, name in reasons if where == module.name} - bent
            noticed = {one.mutant for one in known if one.noticed and (one.module, one.mutant) in reasons}
            self.stale += sorted((module.name, name) for name in gone | noticed)
            for verdict in (one for one in known if not one.noticed):
                alike = (verdict.module, verdict.mutant) in reasons
                count["equivalent" if alike else "survived"] += 1
                (self.same if alike else self.survivors).append(verdict)
            self.counts[module.name] = count

    def total(self, package: str = "") -> Counter[str]:
        """The counts of a package's modules together; of all without one."""
        return sum((count for name, count in self.counts.items() if name.startswith(package)), Counter[str]())

    def share(self, package: str = "") -> float:
        """How many per cent of those that were tried, and are not equivalent, were noticed."""
        total = self.total(package)
        noticed = total["killed"] + total["timeout"]
        return 100 * noticed / max(noticed + total["survived"], 1)


def summarise(ledger: Ledger, controls: Mapping[str, bool]) -> int:
    """Print how it stands, and write the results; 0 where the goals are met.

    Args:
        ledger: what is known.
        controls: of the packages that were looked at, whether their tests pass without a mutant.
    """
    from onionchat.lab.evidence import at_least, at_most, between, evidence, fact

    standing = Standing(ledger)
    total = standing.total()
    print(f"{dict(total)}; {standing.share():.2f} % noticed")
    for module, name in standing.stale:
        print(f"listed as equivalent, and is no survivor: {module} {name}")
    shares = {f"noticed: {package.rpartition('.')[2]}": standing.share(package) for package in PACKAGES}
    figures = [
        at_least("noticed", standing.share(), "%", GOAL),
        *(at_least(name, share, "%", GOAL) for name, share in shares.items()),
        fact("tried", total.total() - total["untried"], "bends"),
        fact("noticed by a test that failed", total["killed"], "bends"),
        fact("noticed by the time limit", total["timeout"], "bends"),
        fact("survived", total["survived"], "bends"),
        fact("equivalent, with their reasons", total["equivalent"], "bends"),
        at_most("not tried yet", total["untried"], "bends", 0),
        at_most("listed as equivalent, and noticed or gone", len(standing.stale), "bends", 0),
    ]
    passed = sum(controls.values())
    control = between("packages whose tests pass unbent", passed, len(controls), len(controls))
    found = evidence("mutation", figures, [control])
    details = {
        "modules": {name: dict(count) for name, count in standing.counts.items() if count.total()},
        "survivors": [f"{one.module} {one.mutant}" for one in standing.survivors],
        "equivalent": [f"{one.module} {one.mutant}" for one in standing.same],
    }
    write(found, details, _text(standing))
    return 0 if found.ok else 1


def _text(standing: Standing) -> str:
    lines = [
        ABOUT,
        "",
        "## By module",
        "",
        "| module | noticed | survived | equivalent | not tried yet |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, count in standing.counts.items():
        if count.total():
            cells = (
                count["killed"] + count["timeout"],
                count["survived"],
                count["equivalent"],
                count["untried"],
            )
            lines.append(f"| `{name}` | {' | '.join(map(str, cells))} |")
    lines += ["", "## Survivors", "", "Bends that no test noticed, though they change what the code does."]
    for module in dict.fromkeys(one.module for one in standing.survivors):
        lines += ["", f"**`{module}`**", ""]
        lines += [f"- `` {one.mutant} ``" for one in standing.survivors if one.module == module]
    return "\n".join(lines)


ABOUT: Final = """\
Every statement of `onionchat/crypto` and `onionchat/protocol` is bent in small ways, one at a time (a
comparison, a number, an operator, a condition, a result, a bound, a keyword, a case, a call that is left
out); each bent program must make a test fail. `tests/assess/mutation/operators.py` says what is bent and what
is not: annotations, docstrings, the wording of errors and `__slots__` are left alone.

A package is judged by its own tests and the frozen vectors, the protocol also by the second implementation;
of these tests run those that ran the bent line, likeliest and quickest first, until one fails or a few
seconds of tests have passed. The searches through long lives and all orders of events are left out: a bend
that only they notice counts as survived. A bend that never comes to its end is stopped by a limit of
processor time and counts as noticed. Bends that do the same as the code, so that no test could notice, are in
`equivalent.toml`, each with its reason, and are counted apart.

A verdict holds as long as the bent function is the same, so a run goes on where the last one was stopped.
What was not tried since a function changed is counted below, and a survivor is listed until the tests that
came later have tried it again.

There are programs that do this. mutmut 3 bends function bodies only, so neither the protocol's constants nor
the bounds of its records, and leaves out what is decorated; cosmic-ray starts an interpreter and its whole
suite for each bend, which would take a day. Hence these few hundred lines of our own."""
