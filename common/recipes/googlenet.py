"""Recipes of GoogLeNet, without and with its heads."""

from common.recipe import IMAGENET_MEAN, IMAGENET_STD, MNIST_MEAN, MNIST_STD, Recipe

HEADS = (1.0, 0.3, 0.3)  # section 5: "their losses were added to the total with a weight of 0.3"


def few_steps(shares: tuple[float, ...] = ()) -> Recipe:
    """A few steps on real images at a small rate: no accuracy worth the name, but equal losses."""
    return Recipe(
        "default",
        epochs=2,
        batch_size=16,
        learning_rate=0.01,
        momentum=0.9,
        initial="he",
        shares=shares,
        mean=MNIST_MEAN,
        std=MNIST_STD,
        fit="resize",
        size=(64, 64),
        train_images=512,
        test_images=200,
    )


def paper(shares: tuple[float, ...] = ()) -> Recipe:
    """Szegedy et al. 2014, section 6: momentum 0.9, the rate 4% lower every 8 epochs.

    The paper states neither the rate at first, nor the size of a batch or the number of epochs:
    those here are ours. It samples crops of 8 to 100% of an image, where ours are padded by 4
    pixels. torchvision's weights are TensorFlow's, and were not trained by it.
    """
    return Recipe(
        "paper",
        epochs=240,
        batch_size=32,
        learning_rate=0.01,
        momentum=0.9,
        decay=0.96,
        decay_after=tuple(range(8, 240, 8)),
        initial="he",
        shares=shares,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        augment=True,
        data="imagenet",
        published="10.07% top-5 error of one net and one crop (Szegedy et al. 2014, Table 3); "
        "30.22% top-1, 10.47% top-5 (torchvision's weights)",
    )


RECIPES = {
    "googlenet": [few_steps(), paper()],
    "googlenet-aux": [few_steps(HEADS), paper(HEADS)],
}
