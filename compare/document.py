"""The result as JSON (names are fixed by the interface): the one thing that reports are made of."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from common import losses, specs, tensors
from common.recipe import Recipe
from common.spec import count_parameters
from compare import seeds
from compare.causes import explain
from compare.checks import climb, step
from compare.checks.structure import totals_of
from compare.evidence import (
    DTYPES,
    SIDES,
    STEP_ROW,
    STEPS,
    Evidence,
    load,
    load_control,
    load_trainings,
    steps_folder,
)
from compare.fixes import fix
from compare.folder import finite, read_json, write_json
from compare.run import WITNESSED, Outcome
from compare.verdict import EXIT_STATUS, WORKER_FAILED, Check, Culprit, Verdict, worst

Document = dict[str, Any]
SCHEMA_VERSION = 1


def of_run(outcome: Outcome, command: list[str]) -> Document:
    """Judges what the run left in its folder, and writes manifest.json and result.json there."""
    manifest = finite(manifest_of(outcome, command))
    write_json(outcome.folder / "manifest.json", manifest)
    document = judged(manifest, outcome.folder)
    write_json(outcome.folder / "result.json", document)
    if outcome.spec.params > WITNESSED and not outcome.options.keep_steps:
        lighten(outcome.folder, document)
    return document


def lighten(folder: Path, document: Document) -> None:
    """Takes away the weights, slots and gradients of a few steps, and keeps what they measured.

    Only where they agree: a difference needs its arrays, to be explained and to be looked at.
    """
    row = next((check for check in document["checks"] if check["id"] == step.ID), None)
    failed = any(backend["status"] == "failed" for backend in document["backends"].values())
    if row is None or failed or not Verdict(row["verdict"]).agrees:
        return
    optimizer = document["recipe"]["optimizer"]
    more = {"optimizer": optimizer, "coverage": document["coverage"]["steps"]}
    write_json(folder / STEP_ROW, {**row, **more})
    for side, count, dtype in product(SIDES, STEPS, DTYPES):
        shutil.rmtree(folder / side / steps_folder(count, dtype), ignore_errors=True)


def of_folder(folder: Path) -> Document:
    """Judges a saved run again, with neither framework installed."""
    return judged(read_json(folder / "manifest.json"), folder)


def manifest_of(outcome: Outcome, command: list[str]) -> Document:
    """What was run, on what, with what: everything but the findings."""
    options = outcome.options
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "command": ["compare", *command],
        "kind": "run" if options.train else "check",
        "model": outcome.spec.name,
        "source": outcome.spec.source,
        "seed": options.seed,
        "dtype": options.dtype,
        "device": outcome.device,
        "init": "shared",
        "layout": options.layout,
        "run": str(outcome.folder),
        "recipe": asdict(outcome.recipe),
        "data": None,
        "backends": {side: backend_of(outcome, side) for side in SIDES},
    }
    if options.seeds > 1:
        document |= {"seeds": options.seeds, "margin": options.margin / 100}
    if outcome.data is not None:
        document["data"] = {
            "name": outcome.data.name,
            "source": outcome.data.source,
            "sha256": outcome.data.sha256,
            "train": len(outcome.data.y_train),
            "test": len(outcome.data.y_test),
            "prepared": outcome.prepared,
        }
    return document


def backend_of(outcome: Outcome, side: str) -> Document:
    """One framework: its environment, and its training where it finished one."""
    environment = outcome.environments.get(side, {})
    done = outcome.training.get(side, {})
    history = done.get("history", [])
    seconds = sum(row["seconds"] for row in history)
    samples = len(outcome.data.y_train) if outcome.data else 0
    rates = [samples / row["seconds"] for row in history]
    return {
        "status": "failed" if side in outcome.failures else "ok",
        "error": outcome.failures.get(side),
        "framework": environment.get("framework"),
        "python": environment.get("python"),
        "numpy": environment.get("numpy"),
        "device": outcome.device or None,
        "device_name": environment.get("cuda") if outcome.device == "cuda" else None,
        "layout": layout_word(side, outcome.layouts.get(side, "")),
        "memory_format": memory_format(side, outcome.layouts.get(side, "")),
        "threads": environment.get("threads"),
        "tf32": environment.get("tf32"),
        "onednn": environment.get("onednn"),
        "parameters": None,
        "test_accuracy": None,
        "test_loss": None,
        "history": history,
        "train_seconds": seconds or None,
        "samples_per_second": statistics.median(rates) if rates else None,
        "startup_seconds": environment.get("startup_seconds"),
        "peak_memory_bytes": done.get("peak_memory_bytes"),
    }


def layout_word(side: str, layout: str) -> str:
    """How the port's maps are shaped: PyTorch's always channels first."""
    return "NCHW" if side == "torch" else layout.upper()


def memory_format(side: str, layout: str) -> str | None:
    """How PyTorch's maps lie in memory; their shape is the same either way."""
    return {"nhwc": "channels_last", "nchw": "contiguous"}.get(layout) if side == "torch" else None


def judged(manifest: Document, folder: Path) -> Document:
    """The manifest with the findings: layers, checks, culprits, comparison, verdict, status."""
    document = {**manifest, "run": str(folder)}
    if traced(folder):
        recipe = Recipe.from_dict(manifest["recipe"])
        margin = manifest.get("margin", 0.0)
        spec = specs.get(manifest["model"])
        evidence = load(folder, spec, recipe, manifest["seed"], seeds_of(manifest), margin)
        document |= findings(evidence, climb(evidence))
        for side in SIDES:
            document["backends"][side]["parameters"] = document["parameters"][side]
    else:
        document |= {"layers": [], "checks": [], "culprits": [], "coverage": {}}
        document["verdict"] = Verdict.NOT_PROVEN.value
    document["comparison"] = comparison_of(folder, document)
    failed = any(backend["status"] == "failed" for backend in document["backends"].values())
    status = EXIT_STATUS[Verdict(document["verdict"])]
    document["exit_status"] = WORKER_FAILED if failed else status
    return Document(finite(document))


def seeds_of(manifest: Document) -> int:
    """How many trainings a run has of each side; none where it only checks."""
    return int(manifest.get("seeds", 1)) if manifest["kind"] == "run" else 0


def traced(folder: Path) -> bool:
    """Whether both sides left both traces."""
    return all(
        (folder / side / f"trace-{dtype}.safetensors").exists()
        for side in SIDES
        for dtype in DTYPES
    )


def findings(evidence: Evidence, checks: list[Check]) -> Document:
    """Layers, checks, culprits, coverage and the verdict."""
    by_id = {check.id: check for check in checks}
    coverage = {
        "layers": by_id["forward"].coverage,
        "parameters": by_id["structure"].coverage,
        "gradients": by_id["gradients"].coverage,
        "mutants": by_id["probe"].coverage,
    }
    for rung in ("step", "trajectory"):
        if rung in by_id:
            coverage["steps"] = by_id[rung].coverage
    short = [name for name, (seen, total) in coverage.items() if seen < total]
    # A setting that a class of its own hides is judged by its numbers: no verdict falls over it.
    coverage["settings"] = by_id["attributes"].coverage
    verdict = worst([check.verdict for check in checks])
    if verdict.agrees and short:
        verdict = Verdict.NOT_PROVEN
    totals = {side: totals_of(evidence.traces[side, "float64"].structure) for side in SIDES}
    return {
        "parameters": {
            "spec": pair_of(count_parameters(evidence.spec)),
            **{side: pair_of(totals[side]) for side in SIDES},
        },
        "layers": [layer_row(evidence, layer.name, by_id) for layer in evidence.spec.layers],
        "checks": [check_row(check) for check in checks],
        "culprits": [
            culprit_row(evidence, culprit) for check in checks for culprit in check.culprits
        ],
        "coverage": {name: list(pair) for name, pair in coverage.items()},
        "verdict": verdict.value,
    }


def culprit_row(evidence: Evidence, culprit: Culprit) -> Document:
    """A culprit with its cause, what proves it, and the right code for either side."""
    found = explain(evidence, culprit)
    before = found.error_before
    return {
        "rung": culprit.rung,
        "torch": culprit.layer,
        "keras": culprit.layer,
        "side": culprit.side,
        "error_float64": culprit.error_float64,
        "cause": found.cause,
        "evidence": {
            "detail": culprit.detail,
            "phrase": found.phrase,
            "error_before": culprit.error_float64 if before is None else before,
            "error_after": found.error_after,
            "also": list(found.also),
            "tried": list(found.tried),
        },
        "fix": fix(evidence.spec, culprit.layer, found.cause, found.between)
        if found.cause
        else None,
    }


def pair_of(counts: tuple[int, int]) -> dict[str, int]:
    return {"trainable": counts[0], "non_trainable": counts[1]}


def layer_row(evidence: Evidence, name: str, by_id: dict[str, Check]) -> Document:
    """One layer in every rung."""
    keys = ("structure", "shapes", "attributes", "forward", "gradients")
    structure, shapes, attributes, forward, gradients = (by_id[key].layers[name] for key in keys)
    return {
        "torch": name,
        "keras": name,
        "kind": evidence.spec[name].op,
        "shape_nchw": shapes["shape_nchw"],
        "shape_nhwc": shapes["shape_nhwc"],
        **structure,
        **attributes,
        "forward": {dtype: forward[dtype] for dtype in ("float32", "float64")},
        "reference": forward["reference"],
        "gradient": {dtype: gradients[dtype] for dtype in ("float32", "float64")},
        "verdict": worst([forward["verdict"], gradients["verdict"]]).value,
    }


def check_row(check: Check) -> Document:
    return {
        "id": check.id,
        "rung": check.rung,
        "verdict": check.verdict.value,
        "detail": check.detail,
        "measured": check.measured,
        "allowed": check.allowed,
    }


def comparison_of(folder: Path, document: Document) -> Document:
    """Both trained nets on the test images, from their logits, in NumPy alike for both.

    Where one side alone has trained, its accuracy and loss stand, and nothing is compared.
    """
    paths = {side: folder / side / "test-logits.safetensors" for side in SIDES}
    logits = {side: tensors.load(path)["logits"] for side, path in paths.items() if path.exists()}
    if not logits:
        return {}
    labels = tensors.load(folder / "test-labels.safetensors")["labels"]
    loss = document["recipe"]["loss"]
    classes = {side: losses.scores(loss, x).argmax(axis=1) for side, x in logits.items()}
    accuracy = {side: float(np.mean(chosen == labels)) for side, chosen in classes.items()}
    for side in logits:
        document["backends"][side] |= {
            "test_accuracy": accuracy[side],
            "test_loss": float(losses.LOSSES[loss](logits[side], labels)),
        }
    if seeds_of(document) > 1:
        return over_seeds(folder, document)
    if len(logits) < len(SIDES):
        return {}
    return {
        "accuracy_difference": accuracy["keras"] - accuracy["torch"],
        "agreement": float(np.mean(classes["torch"] == classes["keras"])),
        "interval": None,
        "equivalent": None,  # one seed cannot say
    }


def over_seeds(folder: Path, document: Document) -> Document:
    """The same of several seeds, pair by pair."""
    recipe = Recipe.from_dict(document["recipe"])
    trainings = load_trainings(folder, recipe, document["seed"], seeds_of(document))
    return seeds.comparison(trainings, load_control(folder, recipe), document["margin"])
