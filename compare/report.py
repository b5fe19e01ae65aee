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

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop", "adagrad": "Adagrad"}


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
    rows.append(seed_row(document))
    return "\n".join(f"{name:<8} {value}".rstrip() for name, value in rows)


def seed_row(document: Document) -> tuple[str, str]:
    """One seed, or the first and the last of several."""
    seed, several = document["seed"], document.get("seeds", 1)
    if several == 1:
        return "seed", f"{seed}: weights and order drawn once, given to both"
    last = seed + several - 1
    return "seeds", f"{seed} to {last}: weights and order drawn once for each, given to both"


def recipe_line(recipe: Document) -> str:
    """The recipe in one line."""
    known = Recipe.from_dict(recipe)
    parts = [
        f"{OPTIMIZERS[known.optimizer]} {known.learning_rate:g}",
        schedule_words(known),
        (known.optimizer == "sgd" or known.momentum) and f"momentum {known.momentum:g}",
        known.nesterov and "nesterov",
        known.weight_decay
        and f"{'decoupled ' if known.decoupled else ''}weight decay {known.weight_decay:g}",
        known.clip and f"gradients clipped by {known.clip.replace('-', ' ')} at {known.clip_at:g}",
        known.smoothing and f"label smoothing {known.smoothing:g}",
        f"batch {known.batch_size}",
        f"{known.epochs} epoch{'s' if known.epochs != 1 else ''}",
        known.loss != "cross-entropy" and known.loss.replace("-", " "),
        not known.shuffle and "unshuffled",
        known.augment and "random crops and flips",
        known.size and f"trained at {by(list(known.size))} pixels",
    ]
    return f"{known.name}: {', '.join(str(part) for part in parts if part)}"


def schedule_words(recipe: Recipe) -> str:
    """How the learning rate changes, where it does."""
    if recipe.schedule == "plateau":
        return f"x{recipe.decay:g} after {recipe.patience} epochs without a lower loss"
    if recipe.schedule != "step":
        return recipe.schedule
    after = listed(recipe.decay_after)
    return f"x{recipe.decay:g} after epoch {after}" if recipe.decay_after else ""


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
    several = document.get("seeds", 1) > 1
    table.add_column(f"training, seed {document['seed']}" if several else "training")
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
    if several and comparison:
        lines += ["", seeds_table(document), *equivalence_lines(document)]
    elif comparison:
        lines.append(
            f"the trained nets give {comparison['agreement']:.1%} of the "
            f"{document['data']['test']:,} test images the same class"
        )
    return "\n".join(lines)


def seeds_table(document: Document) -> str:
    """A row a seed: both accuracies, their difference, and how many images fall apart."""
    comparison, images = document["comparison"], document["data"]["test"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("seed")
    for name in ("torch", "keras", "keras - torch", "churn"):
        table.add_column(name, justify="right")
    for row in comparison["seeds"]:
        table.add_row(str(row["seed"]), *seed_cells(row))
    shares = {side: mean([row[side] for row in comparison["seeds"]]) for side in ("torch", "keras")}
    table.add_section()
    table.add_row("mean", *seed_cells({**comparison, **shares}))
    legend = f"churn: share of the {images:,} test images that the two nets give different classes"
    return f"{rendered(table)}\n{legend}"


def seed_cells(row: Document) -> Iterator[str]:
    """Of one seed, or of their mean; `-` for what a side did not finish."""
    gap, agreement = row["accuracy_difference"], row["agreement"]
    for side in ("torch", "keras"):
        yield number(row[side], "{:.2%}", 1)
    yield "-" if gap is None else f"{100 * gap:+.2f} points"
    yield "-" if agreement is None else f"{1 - agreement:.1%}"


def mean(values: list[float | None]) -> float | None:
    """None where one is missing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def equivalence_lines(document: Document) -> list[str]:
    """Churn against the control's, the class that differs most, and one sentence on accuracy."""
    comparison = document["comparison"]
    control, classes = comparison["control"], comparison["per_class"]
    lines = []
    if control is not None:
        lines.append(
            f"control: {control['side']} against itself, seed {control['seed']} again with one "
            f"weight moved by its last bit: {100 * control['accuracy_difference']:+.2f} points, "
            f"churn {control['churn']:.1%}"
        )
    apart = max(classes, key=lambda row: abs(row["keras"] - row["torch"]))
    if apart["keras"] != apart["torch"]:
        shares = f"torch {apart['torch']:.1%}, keras {apart['keras']:.1%}"
        lines.append(
            f"the class furthest apart is {apart['class']}: {shares} of its {apart['images']:,} "
            "test images, mean of all seeds"
        )
    seen, counted = (comparison[f"standard_deviation{end}"] for end in ("", "_counted"))
    if counted is not None and seen < counted:
        lines.append(
            f"the differences spread by less than one test image, and are counted as spreading by "
            f"{100 * counted:.2f} points, which is one"
        )
    return [*lines, equivalence_sentence(comparison)]


def equivalence_sentence(comparison: Document) -> str:
    """What the accuracies of all seeds show, in one sentence."""
    pairs, margin = comparison["pairs"], f"±{100 * comparison['margin']:g} points"
    if comparison["interval"] is None:
        return f"{pairs} pair of accuracies shows no spread, and nothing of equivalence"
    low, high = (100 * end for end in comparison["interval"])
    gap = 100 * comparison["accuracy_difference"]
    interval = f"(95% interval {low:+.2f} to {high:+.2f})"
    found = f"over {pairs} seeds keras - torch is {gap:+.2f} points {interval}"
    if pairs < len(comparison["seeds"]):
        return f"{found}; {len(comparison['seeds']) - pairs} more did not finish: not proven"
    if comparison["equivalent"]:
        apart = " and not 0" if low > 0 or high < 0 else ""
        tests = f"two one-sided t tests, p = {comparison['p_value']:.2g}"
        return f"{found}:\nequivalent within {margin}{apart} ({tests})"
    if comparison["equivalent"] is False:
        return f"{found}: different, wholly beyond {margin}"
    return (
        f"{found}: not enough runs for {margin};\n{comparison['seeds_needed']:,} seeds of this "
        "spread would show equivalence with 80% power, if the true difference is 0"
    )


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
    steps = {10: "ten", 100: "a hundred"}.get(document["coverage"].get("steps", [0])[0])
    stepped = f", and over {steps} optimizer steps" if steps else ""
    settings = document["coverage"].get("settings", [0, 1])  # earlier versions did not look
    said = " settings," if settings[0] == settings[1] else ""
    sentence += f" in parameters, shapes,{said} outputs and gradients at all {layers} layers"
    sentence += stepped
    comparison = document["comparison"]
    if comparison.get("equivalent"):
        margin = 100 * comparison["margin"]
        sentence += f"; trained, their accuracies are equivalent within {margin:g} points"
    elif comparison:
        points = 100 * abs(comparison["accuracy_difference"])
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
