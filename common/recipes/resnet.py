"""Recipes of the residual networks for ImageNet."""

from common.recipe import IMAGENET_MEAN, IMAGENET_STD, MNIST_MEAN, MNIST_STD, Recipe


def few_steps(images: int, batch_size: int, size: int) -> Recipe:
    """A few steps on real images at a small rate: no accuracy worth the name, but equal losses."""
    return Recipe(
        "default",
        epochs=2,
        batch_size=batch_size,
        learning_rate=0.01,
        momentum=0.9,
        initial="he",
        mean=MNIST_MEAN,
        std=MNIST_STD,
        fit="resize",
        size=(size, size),
        train_images=images,
        test_images=200,
    )


def paper(published: str) -> Recipe:
    """He et al. 2015, section 3.4, with 90 epochs and a fixed schedule as torchvision trains.

    The paper divides the rate by 10 "when the error plateaus", up to 60 x 10^4 iterations (120
    epochs), crops 224x224 of images resized at random, where ours are padded by 4 pixels, and
    subtracts a mean for each pixel.
    """
    return Recipe(
        "paper",
        epochs=90,
        batch_size=256,
        learning_rate=0.1,
        momentum=0.9,
        weight_decay=1e-4,
        decay=0.1,
        decay_after=(30, 60),
        initial="he",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        augment=True,
        data="imagenet",
        published=published,
    )


# Top-1 and top-5 errors on the validation images, one crop of 224x224, of torchvision's weights
# IMAGENET1K_V1, trained much as above. Of ten crops, the paper states 27.88% top-1 for 18 layers
# (Table 2), and 24.52, 22.85, 21.75 and 21.43% for 34 with option B, 50, 101 and 152 (Table 3).
RECIPES = {
    "resnet18": [
        few_steps(images=512, batch_size=16, size=64),
        paper("30.24% top-1, 10.92% top-5 error (torchvision, one crop)"),
    ],
    "resnet34": [
        few_steps(images=256, batch_size=16, size=64),
        paper("26.69% top-1, 8.58% top-5 error (torchvision, one crop)"),
    ],
    "resnet50": [
        few_steps(images=256, batch_size=16, size=64),
        paper("23.87% top-1, 7.14% top-5 error (torchvision, one crop)"),
    ],
    "resnet101": [
        few_steps(images=128, batch_size=8, size=64),
        paper("22.63% top-1, 6.45% top-5 error (torchvision, one crop)"),
    ],
    "resnet152": [
        few_steps(images=64, batch_size=8, size=64),
        paper("21.69% top-1, 5.95% top-5 error (torchvision, one crop)"),
    ],
}
