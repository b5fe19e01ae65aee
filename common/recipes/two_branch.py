"""Recipes of the network of two inputs: the left and the right half of an image."""

from common.recipe import MNIST_MEAN, MNIST_STD, Recipe

RECIPES = {
    "two-branch": [
        # seed 0, torch / keras: 93.1 / 93.2%, 32 s in all on two cores.
        Recipe(
            "default",
            epochs=2,
            batch_size=64,
            learning_rate=0.01,
            momentum=0.9,
            mean=MNIST_MEAN,
            std=MNIST_STD,
            train_images=2000,
        ),
    ],
}
