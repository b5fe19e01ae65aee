"""Recipes of AlexNet as published in 2012."""

from common.recipe import IMAGENET_MEAN_255, MNIST_MEAN, MNIST_STD, Recipe

RECIPES = {
    "alexnet2012": [
        # Few steps: enough to hold two trainings together, not to learn much. Nothing in the
        # network adapts to another size, so the images are resized to the 227x227 it reads.
        Recipe(
            "default",
            epochs=2,
            batch_size=8,
            learning_rate=0.002,
            momentum=0.9,
            initial="he",
            mean=MNIST_MEAN,
            std=MNIST_STD,
            fit="resize",
            train_images=64,
            test_images=50,
        ),
        # Section 5: about 90 epochs, the rate divided by 10 three times, when the validation error
        # stood still: when that was is not stated, the epochs are ours. The paper subtracts a mean
        # for each pixel, changes the colours (section 4.1), and starts from weights of a standard
        # deviation of 0.01 and, in some layers, biases of 1; "he" stands for them.
        Recipe(
            "paper",
            epochs=90,
            batch_size=128,
            learning_rate=0.01,
            momentum=0.9,
            weight_decay=5e-4,
            decay=0.1,
            decay_after=(30, 60, 80),
            initial="he",
            divisor=1.0,
            mean=IMAGENET_MEAN_255,
            augment=True,
            data="imagenet",
            published="40.7% top-1 and 18.2% top-5 error on ImageNet's validation images (Table 2, "
            "one network; ten crops)",
        ),
    ],
}
