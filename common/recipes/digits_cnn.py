"""Recipes of the smallest network: the 8x8 digits as they are, pixels 0 to 16, unshuffled."""

from dataclasses import replace

from common.recipe import Recipe

# seed 0: 98.4% in both frameworks.
DEFAULT = Recipe(
    "default",
    epochs=100,
    batch_size=100,
    learning_rate=0.5,
    loss="binary-cross-entropy",
    divisor=1.0,
    shuffle=False,
)

RECIPES = {
    "digits-cnn": [
        DEFAULT,
        # Published from the framework's own initial weights; ours are others, and so are figures.
        replace(
            DEFAULT,
            name="paper",
            epochs=1000,
            published=(
                "test accuracy 98.67%, test loss 0.0087; loss summed over the 14 batches 0.0142 "
                "in epoch 100, 0.00081 in epoch 1,000"
            ),
        ),
    ],
}
