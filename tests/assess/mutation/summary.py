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
from .operators import mutants
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
    text = module.source
    names = [mutant.name for mutant in mutants(ast.parse(text))]
    found = [ledger.get(module.name, text_hash(text.encode()), name) for name in names]
    known = [verdict for verdict in found if verdict is not None]
    return known, len(names) - len(known)


def summarise(ledger: Ledger, controls: Mapping[str, bool]) -> int:
    """Print how it stands, and write the results once every mutant was tried; 0 where the goals are met."""
    from onionchat.lab.evidence import at_least, at_most, between, evidence, fact

    reasons = equivalents()
    counts: dict[str, Counter[str]] = {}
    survivors: list[Verdict] = []
    same: list[Verdict] = []
    missing = 0
    for package in PACKAGES:
        for module in modules(package):
            known, untried = verdicts(ledger, module)
            missing += untried
            count = Counter[str](verdict.outcome for verdict in known if verdict.noticed)
            for verdict in known:
                if not verdict.noticed:
                    alike = (verdict.module, verdict.mutant) in reasons
                    count["equivalent" if alike else "survived"] += 1
                    (same if alike else survivors).append(verdict)
            counts[module.name] = count
    stale = set(reasons) - {(verdict.module, verdict.mutant) for verdict in same}
    total = sum(counts.values(), Counter[str]())
    judged = total.total() - total["equivalent"]
    share = 100 * (judged - total["survived"]) / max(judged, 1)
    print(f"{total.total()} mutants, {missing} not tried yet; {dict(total)}; {share:.2f} % noticed")
    for module_name, name in sorted(stale):
        print(f"listed as equivalent, and is no survivor: {module_name} {name}")
    if missing or set(controls) != set(PACKAGES):
        return 1
    figures = [
        at_least("noticed", share, "%", GOAL),
        *(
            at_least(f"noticed: {package.rpartition('.')[2]}", _share(counts, package), "%", GOAL)
            for package in PACKAGES
        ),
        fact("mutants", total.total(), ""),
        fact("killed by a test", total["killed"], ""),
        fact("ended by the time limit", total["timeout"], ""),
        fact("survived", total["survived"], ""),
        fact("equivalent, each with its reason", total["equivalent"], ""),
        at_most("equivalent that are none", len(stale), "", 0),
    ]
    passed = between(
        "packages that pass without a mutant", sum(controls.values()), len(PACKAGES), len(PACKAGES)
    )
    found = evidence("mutation", figures, [passed])
    details = {
        "modules": {name: dict(count) for name, count in counts.items()},
        "survivors": [f"{one.module} {one.mutant}" for one in survivors],
        "equivalent": [f"{one.module} {one.mutant}" for one in same],
    }
    write(found, details, _text(counts, survivors))
    return 0 if found.ok else 1


def _share(counts: Mapping[str, Counter[str]], package: str) -> float:
    total = sum((count for name, count in counts.items() if name.startswith(package)), Counter[str]())
    judged = total.total() - total["equivalent"]
    return 100 * (judged - total["survived"]) / max(judged, 1)


def _text(counts: Mapping[str, Counter[str]], survivors: list[Verdict]) -> str:
    lines = [
        ABOUT,
        "",
        "## By module",
        "",
        "| module | mutants | noticed | survived | equivalent |",
        "|---|---|---|---|---|",
    ]
    for name, count in counts.items():
        if count.total():
            noticed = count["killed"] + count["timeout"]
            lines.append(
                f"| {name} | {count.total()} | {noticed} | {count['survived']} | {count['equivalent']} |"
            )
    lines += ["", "## Survivors", "", "Bends that no test noticed, though they change what the code does."]
    for module in dict.fromkeys(one.module for one in survivors):
        lines += ["", f"**{module}**", ""]
        lines += [f"- `` {one.mutant} ``" for one in survivors if one.module == module]
    return "\n".join(lines)


ABOUT: Final = """\
Every statement of `onionchat/crypto` and `onionchat/protocol` is bent in small ways, one at a time (a
comparison, a number, an operator, a condition, a result, a bound, a keyword, a case, a call that is left
out); each bent program must make a test fail. `tests/assess/mutation/operators.py` says what is bent and what
is not: annotations, docstrings, the wording of errors and `__slots__` are left alone.

A package is judged by its own tests and the frozen vectors, the protocol also by the second implementation;
of these tests run those that ran the bent line, likeliest and quickest first, until one fails or a few
seconds of tests have passed: a bend that only a long test notices counts as survived. A bend that never comes
to its end is stopped by a limit of processor time and counts as noticed. Bends that do the same as the code,
so that no test could notice, are in `equivalent.toml`, each with its reason, and are counted apart.

There are programs that do this. mutmut 3 bends function bodies only, so neither the protocol's constants nor
the bounds of its records, and leaves out what is decorated; cosmic-ray starts an interpreter and its whole
suite for each bend, which would take a day. Hence these few hundred lines of our own."""
