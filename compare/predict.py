"""`compare predict`: both trained nets of a run on a few images, probabilities side by side."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from common import data as datasets
from common import losses, specs, tensors
from common.data.folder import check_pillow, picture
from common.errors import UsageError
from common.job import Build, PredictJob
from common.recipe import Recipe
from common.reference import softmax
from common.spec import joint_shape, resized
from compare import resume
from compare.evidence import SIDES, Array
from compare.folder import read_run, reading
from compare.progress import Reporter
from compare.report import rendered
from compare.run import PORTS, absolute, load_data
from compare.workers import Worker, check_python

Document = dict[str, Any]
NETS = {"torch": "net.safetensors", "keras": "net.keras"}
SHOWN = 10  # classes an image, the likeliest ones
DIGITS_WHITE = 16  # the lightest pixel of scikit-learn's digits


def predict(
    run: Path,
    images: list[str],
    *,
    invert: bool = False,
    data_dir: Path | None = None,
    pythons: dict[str, str],
    timeout: float = 600.0,
    quiet: bool = False,
) -> Document:
    """Probabilities of every class for each image, from both nets as saved by their frameworks."""
    manifest = read_run(run, "manifest.json")
    check_finished(run, manifest)
    with reading(run):
        recipe = Recipe.from_dict(manifest["recipe"])
        spec = specs.get(manifest["model"])
    shape = joint_shape(resized(spec, recipe.size))
    pixels, labels = gathered(run, manifest, images, shape, invert, data_dir)
    x = datasets.normalise(pixels, recipe.mean, recipe.std, "float32", recipe.divisor)
    outputs = ask(run, manifest, recipe, x, pythons, timeout, quiet)
    probabilities = {side: shares(recipe.loss, output) for side, output in outputs.items()}
    return {
        "schema_version": 1,
        "kind": "predict",
        "model": manifest["model"],
        "run": str(run),
        "images": [
            {
                "image": image,
                "label": label,
                **{side: [float(p) for p in probabilities[side][index]] for side in SIDES},
                "classes": {side: int(probabilities[side][index].argmax()) for side in SIDES},
            }
            for index, (image, label) in enumerate(zip(images, labels, strict=True))
        ],
        "exit_status": 0,
    }


def check_finished(run: Path, manifest: Document) -> None:
    """UsageError where a side has left no trained net."""
    missing = [side for side in SIDES if not (run / side / NETS[side]).exists()]
    if missing:
        why = "trains no net" if manifest["kind"] == "check" else "did not finish"
        raise UsageError(
            f"{run}: expected the trained nets of both sides, found none of "
            f"{' and '.join(missing)}; a `compare {manifest['kind']}` that {why} has none"
        )


def gathered(
    run: Path,
    manifest: Document,
    images: list[str],
    shape: tuple[int, int, int],
    invert: bool,
    data_dir: Path | None,
) -> tuple[Array, list[int | None]]:
    """Pixels (N, C, H, W) of the images, and the labels of those that are the test set's."""
    found: list[tuple[Array, int | None]] = []
    test: datasets.DataSet | None = None
    for image in images:
        if image.isdecimal():
            test = test or test_images(run, manifest, data_dir)
            found.append(of_test(test, int(image)))
        else:
            check_pillow(Path(image))
            pixels = picture(Path(image), shape)
            pixels = 255 - pixels if invert else pixels
            if manifest["data"]["name"] == "digits":
                pixels = np.rint(pixels * (DIGITS_WHITE / 255)).astype(np.uint8)
            found.append((pixels, None))
    kinds = {pixels.dtype for pixels, _ in found}
    if len(kinds) > 1:
        raise UsageError("the run's data are floating-point pixels: pictures have no such scale")
    return np.stack([pixels for pixels, _ in found]), [label for _, label in found]


def test_images(run: Path, manifest: Document, data_dir: Path | None) -> datasets.DataSet:
    """The data that the run was trained on. UsageError where they have changed."""
    options = resume.read_options(run)
    options = replace(options, data_dir=data_dir or options.data_dir, download=False)
    recipe = Recipe.from_dict(manifest["recipe"])
    data, _ = load_data(options, specs.get(manifest["model"]), recipe)
    if data.sha256 != manifest["data"]["sha256"]:
        raise UsageError(
            f"{data.source}: expected the run's data, sha256 {manifest['data']['sha256'][:12]}…, "
            f"found {data.sha256[:12]}…"
        )
    return data


def of_test(data: datasets.DataSet, index: int) -> tuple[Array, int]:
    """One test image, counted from 0, and its label."""
    if index >= len(data.y_test):
        last = len(data.y_test) - 1
        raise UsageError(f"{index}: {data.name} has {last + 1:,} test images, 0 to {last}")
    return data.x_test[index], int(data.y_test[index])


def ask(
    run: Path,
    manifest: Document,
    recipe: Recipe,
    x: Array,
    pythons: dict[str, str],
    timeout: float,
    quiet: bool,
) -> dict[str, Array]:
    """What each net makes of the images."""
    checked = {side: check_python(side, pythons.get(side, sys.executable)) for side in SIDES}
    spec = specs.get(manifest["model"])
    with tempfile.TemporaryDirectory() as scratch, Reporter(SIDES, quiet):
        room = Path(scratch)
        tensors.save(room / "images.safetensors", {"images": x})

        def one(side: str) -> Array:
            build = Build(
                f"{PORTS[side]}.{spec.port}",
                spec.name,
                "",
                manifest["dtype"],
                "nchw" if manifest["layout"] == "nchw" else "nhwc",
                "cpu",
                recipe.size,
            )
            net, out = absolute(run / side / NETS[side]), room / f"{side}.safetensors"
            log = room / f"{side}.txt"
            with Worker(side, checked[side], log, timeout=timeout, device="cpu") as worker:
                worker.ready()
                worker.ask(PredictJob(build, net, str(room / "images.safetensors"), str(out)))
            return tensors.load(out)["outputs"].copy()

        with ThreadPoolExecutor(max_workers=len(SIDES)) as pool:
            return dict(zip(SIDES, pool.map(one, SIDES), strict=True))


def shares(loss: str, output: Array) -> Array:
    """Probabilities of the classes (N, K); a net that ends in a softmax gives them itself."""
    if loss == "binary-cross-entropy":
        return output
    return softmax({}, [losses.scores(loss, output.astype(np.float64))], {})


def text(document: Document) -> str:
    """A table an image: its classes, the likeliest first."""
    return "\n".join(one_image(entry) for entry in document["images"])


def one_image(entry: Document) -> str:
    torch, keras = (np.asarray(entry[side]) for side in SIDES)
    order = np.argsort(-(torch + keras), kind="stable")[:SHOWN]
    label = entry["label"]
    name = entry["image"] if label is None else f"test image {entry['image']}, labelled {label}"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(name)
    for column in ("torch", "keras", "keras - torch"):
        table.add_column(column, justify="right")
    for index in order:
        gap = keras[index] - torch[index]
        table.add_row(f"class {index}", f"{torch[index]:.4f}", f"{keras[index]:.4f}", f"{gap:+.4f}")
    found = entry["classes"]
    verdict = (
        f"both say class {found['torch']}"
        if found["torch"] == found["keras"]
        else f"torch says class {found['torch']}, keras class {found['keras']}"
    )
    return f"{rendered(table)}\n{verdict}\n"
