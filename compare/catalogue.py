"""`compare list` and `compare describe`: what there is, and a model's layers as a table."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from common import recipes, rules, specs
from common.data import catalogue, load
from common.layout import nhwc_shape
from common.spec import count_parameters, layer_parameters, shapes
from compare.checks import LADDER
from compare.folder import check_writable
from compare.pictures import check_suffix, contact_sheet
from compare.report import by, rendered

Document = dict[str, Any]


def listing(data_dir: Path | None, what: str | None = None) -> Document:
    """Models, data sets and checks, or only one of these."""
    lists: dict[str, Callable[[], list[Document]]] = {
        "models": lambda: [model_row(name) for name in specs.SPECS],
        "data": lambda: [
            {"name": entry.name, "here": entry.here, "source": entry.source}
            for entry in catalogue(data_dir)
        ],
        "checks": lambda: [check_row(judge.__module__) for judge in LADDER],
    }
    wanted = [what] if what else list(lists)
    return {"schema_version": 1, "kind": "list", **{name: lists[name]() for name in wanted}}


def draw(name: str, data_dir: Path | None, to: Path | None) -> Document:
    """Draws a contact sheet of a data set's labelled images."""
    shown = load(name, data_dir=data_dir, image_shape=None)
    path = to or Path(f"{Path(name).stem}.png")
    check_suffix(path)
    check_writable("--to", path)
    contact_sheet(shown, path)
    return {"schema_version": 1, "kind": "list", "data": shown.name, "picture": str(path)}


def model_row(name: str) -> Document:
    """One model as `compare list` shows it."""
    spec = specs.SPECS[name]
    known = shapes(spec)
    trainable, other = count_parameters(spec)
    return {
        "name": name,
        "inputs": {key: list(shape) for key, shape in spec.inputs.items()},
        "outputs": {key: list(known[key]) for key in spec.outputs},
        "parameters": {"trainable": trainable, "non_trainable": other},
        "paper": spec.source,
        "data": spec.data,
        "recipes": list(recipes.RECIPES[name]),
    }


def check_row(module_name: str) -> Document:
    """One check: its id, its rung, and the question in the first line of its file."""
    module = sys.modules[module_name]
    question = (module.__doc__ or "").strip().splitlines()[0]
    question = re.sub(r"^Rung \d: ", "", question)
    return {"id": module.ID, "rung": getattr(module, "RUNG", None), "question": question}


def listing_text(document: Document) -> str:
    """Three short tables."""
    models = plain_table("model", "input", "parameters", "data", "recipes", "from")
    for row in document.get("models", []):
        models.add_row(
            row["name"],
            ", ".join(by(shape) for shape in row["inputs"].values()),
            f"{row['parameters']['trainable']:,}",
            row["data"],
            ", ".join(row["recipes"]),
            row["paper"],
        )
    data = plain_table("data", "here", "where")
    for row in document.get("data", []):
        data.add_row(row["name"], "yes" if row["here"] else "no", row["source"])
    checks = plain_table("check", "rung", "question")
    for row in document.get("checks", []):
        checks.add_row(row["id"], "" if row["rung"] is None else str(row["rung"]), row["question"])
    tables = [table for table in (models, data, checks) if table.rows]
    return "\n\n".join(rendered(table) for table in tables) + "\n"


def plain_table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def description(name: str) -> Document:
    """A spec, layer by layer."""
    spec = specs.get(name)
    known, counts = shapes(spec), layer_parameters(spec)
    rows = []
    for layer in spec.layers:
        sources = [known[source] for source in layer.reads]
        rows.append(
            {
                "name": layer.name,
                "kind": layer.op,
                "reads": list(layer.reads),
                "shape_nchw": list(known[layer.name]),
                "shape_nhwc": list(nhwc_shape(known[layer.name])),
                "parameters": counts[layer.name],
                "neurons": rules.neurons(layer, sources),
                "connections": rules.connections(layer, sources),
                "multiply_adds": rules.multiply_adds(layer, sources),
            }
        )
    trainable, other = count_parameters(spec)
    return {
        "schema_version": 1,
        "kind": "describe",
        "model": name,
        "source": spec.source,
        "inputs": {key: list(shape) for key, shape in spec.inputs.items()},
        "parameters": {"trainable": trainable, "non_trainable": other},
        "layers": rows,
    }


def description_text(document: Document) -> str:
    """One row a layer, totals last."""
    table = plain_table("layer", "op", "reads", "NCHW", "NHWC")
    numbers = ("parameters", "neurons", "connections", "multiply_adds")
    for column in numbers:
        table.add_column(column.replace("_", "-"), justify="right")
    for name, shape in document["inputs"].items():
        table.add_row(name, "input", "", by(shape), by(list(nhwc_shape(tuple(shape)))))
    for row in document["layers"]:
        cells = [f"{row[key]:,}" for key in numbers]
        reads = ", ".join(row["reads"])
        shown = by(row["shape_nchw"]), by(row["shape_nhwc"])
        table.add_row(row["name"], row["kind"], reads, *shown, *cells)
    table.add_section()
    totals = [f"{sum(row[key] for row in document['layers']):,}" for key in numbers]
    table.add_row("total", "", "", "", "", *totals)
    return f"{document['model']}: {document['source']}\n\n{rendered(table)}\n"
