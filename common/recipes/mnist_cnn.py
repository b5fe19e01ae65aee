"""Recipes of a first convolutional network on MNIST."""

from common.recipe import Recipe

RECIPES = {
    "mnist-cnn": [
        # seed 0, torch / keras: 96.4 / 96.4%, 18 s in all on two cores.
        Recipe(
            "default",
            epochs=8,
            batch_size=64,
            learning_rate=0.01,
            momentum=0.9,
            decay=0.1,
            decay_after=(6,),
        ),
        Recipe(
            "paper",
            epochs=10,
            batch_size=128,
            learning_rate=0.01,
            data="mnist",
            published="test accuracy about 97%",
        ),
    ],
}
