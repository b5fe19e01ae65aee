"""By which recipe the few optimizer steps of rung 6 are taken, and at which rates."""

from __future__ import annotations

from dataclasses import replace

from common.recipe import Recipe

SHORT = 1e-6  # of the recipe's learning rate, in ten steps


def step_recipe(recipe: Recipe, steps: int, batch_size: int) -> Recipe:
    """The recipe for so few steps: ten are two epochs of five, the rate decayed between them.

    A rate for each step is the schedule's own, over ten steps. A plateau cannot show in two epochs.

    Ten are short ones. At the recipe's own rate a deep net multiplies a rounding in every step: two
    right trainings of ResNet-50 were 1.5e-2 apart after ten, in float64, and of ResNet-152 even
    at a ten-thousandth of the rate. A millionth moves its weights by 7e-7 of their size, which
    leaves nine digits to judge by.
    """
    return replace(
        recipe,
        epochs=1 if steps == 1 else 2,
        batch_size=batch_size,
        learning_rate=recipe.learning_rate * (1 if steps == 1 else SHORT),
        schedule="step" if steps == 1 or recipe.schedule == "plateau" else recipe.schedule,
        decay=recipe.decay if recipe.decay < 1 else 0.1,
        decay_after=(1,),
        augment=False,
    )


def step_rates(recipe: Recipe) -> list[float]:
    """The rate of every step of what `step_recipe` gave for one step or ten."""
    steps = 1 if recipe.epochs == 1 else 5
    return [rate for epoch in range(recipe.epochs) for rate in recipe.rates(epoch, steps)]
