"""Every model's recipes, by model and name: one file a family, found by being here."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from common.errors import UsageError
from common.recipe import Recipe

RECIPES: dict[str, dict[str, Recipe]] = {
    model: {recipe.name: recipe for recipe in recipes}
    for module in iter_modules(__path__)
    for model, recipes in import_module(f"{__name__}.{module.name}").RECIPES.items()
}


def get(
    model: str,
    name: str = "default",
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
) -> Recipe:
    """The model's recipe, changed where a value is given. UsageError for an unknown name."""
    known = RECIPES[model]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"{model} has no recipe {name!r}: {hint}recipes: {', '.join(known)}")
    given: dict[str, Any] = dict(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    return replace(known[name], **{key: value for key, value in given.items() if value is not None})
