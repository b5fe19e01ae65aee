"""Recipes of the network of Keras' own first example."""

from common.recipe import Recipe

KERAS_EPS = 1e-7  # of Keras' Adam; PyTorch's is 1e-8

RECIPES = {
    "keras-cnn": [
        # seed 0, torch / keras: 97.0 / 97.1%, 20 s in all on two cores.
        Recipe(
            "default",
            epochs=4,
            batch_size=32,
            learning_rate=0.001,
            optimizer="adam",
            eps=KERAS_EPS,
        ),
        Recipe(
            "paper",
            epochs=10,
            batch_size=32,
            learning_rate=0.001,
            optimizer="adam",
            eps=KERAS_EPS,
            data="mnist",
            published="test accuracy about 99%",
        ),
    ],
}
