"""Recipes of AlexNet with one tower."""

from common.recipe import IMAGENET_MEAN, IMAGENET_STD, MNIST_MEAN, MNIST_STD, Recipe

RECIPES = {
    "alexnet": [
        # Few steps at a reduced size: enough to hold two trainings together, not to learn much.
        # The whole run takes 2 minutes on two cores.
        Recipe(
            "default",
            epochs=2,
            batch_size=16,
            learning_rate=0.005,
            momentum=0.9,
            initial="he",
            mean=MNIST_MEAN,
            std=MNIST_STD,
            fit="resize",
            size=(96, 96),
            train_images=256,
            test_images=200,
        ),
        # Krizhevsky 2014, section 5: 90 epochs, the rate times 250^(-1/3) after 25, 50 and 75%;
        # rate, momentum and weight decay as in 2012. The figures are those of torchvision's
        # weights, for the paper's network is a little larger, and its loss is the logistic one.
        Recipe(
            "paper",
            epochs=90,
            batch_size=128,
            learning_rate=0.01,
            momentum=0.9,
            weight_decay=5e-4,
            decay=250 ** (-1 / 3),
            decay_after=(23, 45, 68),
            initial="he",
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            augment=True,
            data="imagenet",
            published="43.48% top-1 and 20.93% top-5 error on ImageNet's validation images "
            "(torchvision, weights IMAGENET1K_V1, by 90 epochs of batch 256)",
        ),
    ],
}
