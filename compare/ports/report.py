"""A verification in the terminal: the first divergence, every culprit with its proof, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compare.report import MARKS, by, error

Document = dict[str, Any]
SHOWN = 3  # culprits of one cause that are written out; the others are named


def text(document: Document) -> str:
    """The whole report."""
    parts = [head(document), arrow(document), culprits(document), checks(document), end(document)]
    return "\n\n".join(part for part in parts if part) + "\n"


def head(document: Document) -> str:
    rows = []
    for side in ("torch", "keras"):
        backend = document["backends"][side]
        counts = backend["parameters"]
        rows.append(
            f"{side:<6} {document[side]}: {counts['trainable']:,} trainable and "
            f"{counts['non_trainable']:,} other parameters, {backend['operations']} operations, "
            f"{backend['layout']}"
        )
    rows.append(f"input  {', '.join(by(shape) for shape in document['inputs'])}, channels first")
    left = document["unmatched"]
    rows.append(
        f"pairs  {len(document['pairs'])} layers that hold tensors; without a partner: "
        f"{len(left['torch'])} in torch, {len(left['keras'])} in keras"
    )
    return "\n".join(rows)


def arrow(document: Document) -> str:
    """The parts around the first that differs."""
    rows = document["layers"]
    first = next((i for i, row in enumerate(rows) if row["verdict"] == "different"), None)
    if first is None:
        return ""
    lines = ["first divergence, each part alone on torch's own numbers (float64)"]
    for i in range(max(0, first - 2), min(len(rows), first + 3)):
        row = rows[i]
        lines.append(
            f"{'->' if i == first else '  '} {row['torch']:<28} {row['keras']:<28} "
            f"{row['kind']:<14} {shown(row['forward']['float64'])}"
        )
    return "\n".join(lines)


def shown(value: float | str | None) -> str:
    return "-" if value is None else error(value)


def culprits(document: Document) -> str:
    """One block for each cause."""
    return "\n".join(line for same in groups(document["culprits"]) for line in cause_lines(same))


def groups(found: Sequence[Document]) -> list[list[Document]]:
    """Culprits of one cause together, in the order of the first of each."""
    known: dict[tuple[Any, ...], list[Document]] = {}
    for c in found:
        known.setdefault(shared(c), []).append(c)
    return list(known.values())


def shared(c: Document) -> tuple[Any, ...]:
    """What culprits have in common that are told together; of an unknown cause, nothing."""
    if c["cause"] is None:
        return (c["torch"], c["keras"], c["rung"])
    missing = tuple(bool(c[side]) for side in ("torch", "keras"))
    if c["rung"] == 0:  # which names a tensor in every line; what it begins with tells the side
        return (c["cause"], 0, *missing, c["detail"].partition(" ")[0].removesuffix("'s"))
    return (c["cause"], *missing, unnamed(str(c["phrase"]), c))


def unnamed(phrase: str, c: Document) -> str:
    """A phrase without the names of its own layers."""
    names = [name for side in ("torch", "keras") for name in str(c[side]).split(", ") if name]
    for name in sorted(names, key=len, reverse=True):
        phrase = phrase.replace(name, "its own")
    return phrase


def cause_lines(same: Sequence[Document]) -> list[str]:
    """One cause: where, what, proof, fix."""
    first = same[0]
    places = [place(c) for c in same]
    named = "cause unknown" if first["cause"] is None else f"cause {first['cause']}"
    lines = [f"culprit {places[0]} (rung {first['rung']}): {first['detail']}{called(first)}"]
    said = first["phrase"] if first["phrase"] != first["detail"] else ""
    lines.append(f"  {named}{times(same)}{': ' + said if said else ''}")
    before, after = (first["evidence"][key] for key in ("error_before", "error_after"))
    if after is not None and before is not None:
        worst = [c["evidence"]["error_after"] for c in same]
        known = [x for x in worst if not isinstance(x, str) and x is not None]
        largest = error(max(known)) if known else error(after)
        lines.append(f"  proof: {error(before)} before, {largest} with it taken back")
    if first["fix"]:
        lines += [f"  fix in {side}: {code}" for side, code in first["fix"].items()]
    lines += [f"  reproduction: {c['reproduction']}" for c in same if c["reproduction"]]
    if len(same) > 1:
        more = f" and {len(same) - 1 - SHOWN} more" if len(same) > 1 + SHOWN else ""
        lines.append(f"  also at {', '.join(places[1 : 1 + SHOWN])}{more}")
    return lines


def times(same: Sequence[Document]) -> str:
    return f" ({len(same)} places)" if len(same) > 1 else ""


def place(c: Document) -> str:
    """torch layer / keras layer."""
    names = [c["torch"] or "nothing", c["keras"] or "nothing"]
    return names[0] if names[0] == names[1] else f"{names[0]} (torch) / {names[1]} (keras)"


def aside(check: Document) -> str:
    return "" if check["decides"] else " (does not decide: --rungs)"


def called(c: Document) -> str:
    """Where in the ports' files it was called."""
    found = [f"{side} {where}" for side, where in c["place"].items() if where]
    return f" ({', '.join(found)})" if found else ""


def checks(document: Document) -> str:
    lines = []
    for check in document["checks"]:
        rung = "" if check["rung"] is None else f"rung {check['rung']}"
        mark = MARKS.get(check["verdict"], "?")
        said = f"{check['detail']}{aside(check)}"
        lines.append(f"{mark} {check['id']:<10} {rung:<7} {check['verdict']:<21} {said}")
    for note in document["notes"]:
        lines.append(f"  note: {note}")
    for known in document["known_differences"][:SHOWN]:
        lines.append(f"  known difference at {place(known)}: {known['phrase']}")
    seen = ", ".join(f"{name} {a}/{b}" for name, (a, b) in document["coverage"].items())
    return "\n".join([*lines, f"  coverage: {seen}"])


def end(document: Document) -> str:
    """The verdict in a sentence."""
    verdict, apart = document["verdict"], error(document["outputs_apart"])
    repairs = document["repairs"]
    lines = []
    if repairs["made"]:
        left = repairs["outputs_apart"]
        said = "cannot be run" if left is None else f"outputs {error(left)} apart"
        lines.append(f"repairs  all {repairs['made']} made at once in keras: {said}")
    if verdict == "different":
        causes = list(dict.fromkeys(c["cause"] or "unknown" for c in document["culprits"]))
        lines.append(f"verdict  different: {', '.join(causes)}; outputs {apart} apart")
    elif verdict.startswith("same"):
        lines.append(f"verdict  {verdict}: with the same weights both ports {agreed(document)}")
    else:
        wrong = [c["detail"] for c in document["checks"] if c["verdict"] == verdict]
        lines.append(f"verdict  {verdict}{': ' + wrong[0] if wrong else ''}")
    return "\n".join([*lines, f"run      {document['run']}"])


def agreed(document: Document) -> str:
    """What two ports have in common, of the rungs that were asked for."""
    rungs = document["rungs"] or [3, 5]
    outputs = f"make the same outputs ({error(document['outputs_apart'])} apart)"
    if not {1, 2, 3} & {*rungs}:
        return f"agree at rungs {', '.join(map(str, rungs))}, all that was asked"
    return f"{outputs} and gradients" if 5 in rungs else outputs
