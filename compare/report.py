"""The result as text: header, one row a layer, checks, training side by side, one verdict."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from common.recipe import Recipe

Document = dict[str, Any]
FEW_STEPS = 100
MARKS = {"same": "✓", "same within rounding": "✓", "different": "✗"}  # else "?"


def text(document: Document) -> str:
    """The whole report, at most 130 columns wide."""
    parts = [header(document)]
    if document["layers"]:
        parts += [layer_table(document), check_lines(document)]
    if any(backend["history"] for backend in document["backends"].values()):
        parts.append(training_table(document))
    parts += [failures(document), closing(document)]
    return "\n\n".join(part for part in parts if part) + "\n"


def header(document: Document) -> str:
    """What was compared, on what."""
    rows = [("model", f"{document['model']}: {document['source']}")]
    data = document["data"]
    if data is not None:
        rows.append(
            (
                "data",
                f"{data['name']}, {data['train']:,} training and {data['test']:,} test images, "
                + (f"{data['prepared']}, " if data.get("prepared") else "")
                + f"sha256 {data['sha256'][:12]}",
            )
        )
        recipe = document["recipe"]
        rows.append(("recipe", f"{recipe_line(recipe)}, {document['dtype']}"))
        steps = recipe["epochs"] * -(-data["train"] // recipe["batch_size"])
        if steps < FEW_STEPS:
            rows.append(("", f"{steps} steps only: it trains, but its accuracy says nothing"))
        if recipe.get("published"):
            rows.append(("", f"published: {recipe['published']}"))
    for side, backend in document["backends"].items():
        if backend["framework"]:
            threads = "1 thread" if backend["threads"] == 1 else f"{backend['threads']} threads"
            rows.append(
                (
                    side,
                    f"{backend['framework']}, Python {backend['python']}, "
                    f"{backend['device_name'] or backend['device']}, {threads}, "
                    + ", ".join(filter(None, (backend["layout"], backend["memory_format"]))),
                )
            )
    rows.append(("seed", f"{document['seed']}: weights and order drawn once, given to both"))
    return "\n".join(f"{name:<8} {value}".rstrip() for name, value in rows)


def recipe_line(recipe: Document) -> str:
    """The recipe in one line."""
    known = Recipe.from_dict(recipe)
    adam = known.optimizer == "adam"
    parts = [
        f"{'Adam' if adam else 'SGD'} {known.learning_rate:g}",
        known.decay_after and f"x{known.decay:g} after epoch {listed(known.decay_after)}",
        not adam and f"momentum {known.momentum:g}",
        known.weight_decay and f"weight decay {known.weight_decay:g}",
        f"batch {known.batch_size}",
        f"{known.epochs} epoch{'s' if known.epochs != 1 else ''}",
        known.loss != "cross-entropy" and known.loss.replace("-", " "),
        not known.shuffle and "unshuffled",
        known.augment and "random crops and flips",
        known.size and f"trained at {by(list(known.size))} pixels",
    ]
    return f"{known.name}: {', '.join(str(part) for part in parts if part)}"


def listed(epochs: tuple[int, ...]) -> str:
    """The first three of several epochs."""
    shown = [str(epoch) for epoch in epochs[:3]]
    return " and ".join(shown) if len(epochs) <= 3 else f"{', '.join(shown)} and so on"


def layer_table(document: Document) -> str:
    """One row a layer; errors are max |torch - keras| / max |keras|."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("layer", "op", "NCHW", "NHWC"):
        table.add_column(name)
    for name in ("torch", "keras", "fwd 32", "fwd 64", "grad 32", "grad 64"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for layer in document["layers"]:
        table.add_row(*layer_cells(layer))
    counts = document["parameters"]
    table.add_section()
    table.add_row(
        "parameters", "", "", "", *(f"{counts[s]['trainable']:,}" for s in ("torch", "keras"))
    )
    legend = (
        "torch, keras: trainable parameters; fwd, grad: max |torch - keras| / max |keras| of the\n"
        "layer's output and of the loss's gradients for its output and parameters, in float32\n"
        "and float64; float64 decides; inf: missing, another shape, or not finite"
    )
    return rendered(table) + "\n\n" + legend


def layer_cells(layer: Document) -> Iterator[str]:
    yield layer["torch"]
    yield layer["kind"]
    yield by(layer["shape_nchw"])
    yield by(layer["shape_nhwc"])
    for side in ("torch", "keras"):
        count = layer[f"parameters_{side}"]
        yield "absent" if count is None else f"{count:,}" if count else "-"
    for key in ("forward", "gradient"):
        for dtype in ("float32", "float64"):
            yield error(layer[key][dtype])
    yield layer["verdict"]


def by(shape: list[int] | None) -> str:
    """6x24x24."""
    return "absent" if shape is None else "x".join(map(str, shape))


def error(value: float | str) -> str:
    """Two digits; an exact zero is `0`."""
    if isinstance(value, str):
        return value
    return "0" if value == 0 else f"{value:.1e}"


def check_lines(document: Document) -> str:
    """A line a check, and a line a culprit."""
    lines = []
    for check in document["checks"]:
        rung = "" if check["rung"] is None else f"rung {check['rung']}"
        lines.append(
            f"{MARKS.get(check['verdict'], '?')} {check['id']:<10} {rung:<7} "
            f"{check['verdict']:<21} {check['detail']}"
        )
    for culprit in document["culprits"]:
        lines.append(
            f"  culprit: {culprit['torch']} ({culprit['side']}, rung {culprit['rung']}): "
            f"{culprit['evidence']['detail']}"
        )
        lines += cause_lines(culprit)
    seen = ", ".join(f"{name} {a}/{b}" for name, (a, b) in document["coverage"].items())
    return "\n".join([*lines, f"  coverage: {seen}"])


def cause_lines(culprit: Document) -> list[str]:
    """The cause with its proof, and the fix on the side that errs; or that it is unknown."""
    cause, found, fix = (culprit[key] for key in ("cause", "evidence", "fix"))
    if cause is None:
        tried = len(found["tried"])
        return [f"    cause unknown{f'; {tried} candidates tried' if tried else ''}"]
    proof = ""
    if found["error_after"] is not None:
        proof = f" ({error(found['error_before'])} -> {error(found['error_after'])})"
    said = "" if found["phrase"] == found["detail"] else f": {found['phrase']}"
    also = f"; or {', '.join(found['also'])}" if found["also"] else ""
    lines = [f"    cause: {cause}{said}{proof}{also}"]
    sides = ("torch", "keras") if culprit["side"] == "both" else (culprit["side"],)
    return lines + [f"    fix in {side}: {fix[side]}" for side in sides if fix and side in fix]


def training_table(document: Document) -> str:
    """Accuracy, loss, seconds and memory side by side."""
    torch, keras = (document["backends"][side] for side in ("torch", "keras"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("training")
    for name in ("torch", "keras", "keras - torch"):
        table.add_column(name, justify="right")
    for label, key, shown, unit in TRAINING_ROWS:
        a, b = torch.get(key), keras.get(key)
        cells = [number(x, shown, unit) for x in (a, b)]
        if isinstance(a, float) and isinstance(b, float):
            cells += {
                "test_accuracy": [f"{100 * (b - a):+.2f} points"],
                "test_loss": [f"{b - a:+.4f}"],
            }.get(key, [])
        table.add_row(label, *cells)
    lines = [rendered(table)]
    comparison = document["comparison"]
    if comparison:
        lines.append(
            f"the trained nets give {comparison['agreement']:.1%} of the "
            f"{document['data']['test']:,} test images the same class"
        )
    return "\n".join(lines)


def number(value: float | str | None, shown: str, unit: int) -> str:
    """A cell: `-` where there is none, `nan` or `inf` where the training diverged."""
    if value is None or isinstance(value, str):
        return value or "-"
    return shown.format(value / unit)


TRAINING_ROWS = (
    ("test accuracy", "test_accuracy", "{:.2%}", 1),
    ("test loss", "test_loss", "{:.4f}", 1),
    ("training seconds", "train_seconds", "{:.1f}", 1),
    ("samples a second, median epoch", "samples_per_second", "{:,.0f}", 1),
    ("start-up seconds", "startup_seconds", "{:.1f}", 1),
    ("peak memory, MiB", "peak_memory_bytes", "{:,.0f}", 2**20),
)


def failures(document: Document) -> str:
    """What became of a worker that did not finish."""
    return "\n".join(
        f"✗ {backend['error']}"
        for backend in document["backends"].values()
        if backend["error"] is not None
    )


def closing(document: Document) -> str:
    """The verdict in one sentence, and where everything lies."""
    return f"{verdict_sentence(document)}\nrun      {document['run']}"


def verdict_sentence(document: Document) -> str:
    """One sentence that says what was compared and what came out."""
    failed = [s for s, b in document["backends"].items() if b["status"] == "failed"]
    verdict = document["verdict"]
    if failed:
        return f"verdict  none: the {' and '.join(failed)} worker failed; what was finished stands"
    if verdict == "different":
        return f"verdict  different: {where(document)}"
    if verdict in ("not proven", "not comparable"):
        doubtful = [c["id"] for c in document["checks"] if c["verdict"] == verdict]
        return f"verdict  {verdict}: see {', '.join(doubtful) or 'coverage'}"
    sentence = f"verdict  {verdict}: {document['model']} in PyTorch and in Keras agree"
    layers = document["coverage"]["layers"][0]
    stepped = ", and over ten optimizer steps" if "steps" in document["coverage"] else ""
    sentence += f" in parameters, shapes, outputs and gradients at all {layers} layers{stepped}"
    if document["comparison"]:
        points = 100 * abs(document["comparison"]["accuracy_difference"])
        sentence += f"; trained, they are {points:.2f} points of accuracy apart"
    return sentence


def where(document: Document) -> str:
    """The layers at fault, or the checks that failed where no layer is."""
    order = {layer["torch"]: index for index, layer in enumerate(document["layers"])}
    culprits = list(dict.fromkeys((c["torch"], c["side"]) for c in document["culprits"]))
    culprits.sort(key=lambda culprit: order.get(culprit[0], len(order)))
    if culprits:
        return "at " + ", ".join(f"{layer} ({side})" for layer, side in culprits)
    return "in " + ", ".join(c["id"] for c in document["checks"] if c["verdict"] == "different")


def rendered(table: Table) -> str:
    """The table as plain text, no wider than it needs to be."""
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(table)
    lines = [line.strip() and line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join(lines).strip("\n")
