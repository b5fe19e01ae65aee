"""Recipes of the residual network for CIFAR-10."""

from common.recipe import CIFAR_MEAN, CIFAR_STD, MNIST_MEAN, MNIST_STD, Recipe

RECIPES = {
    "resnet20-cifar": [
        Recipe(
            "default",
            epochs=3,
            batch_size=64,
            learning_rate=0.05,
            momentum=0.9,
            decay=0.1,
            decay_after=(2,),
            initial="he",
            mean=MNIST_MEAN,
            std=MNIST_STD,
            fit="pad",
            train_images=2000,
            test_images=500,
        ),
        # 64k iterations of 128 images are 164 epochs of 50,000, of which 32k and 48k end after 82
        # and 123. The paper trains on 45,000 of them, and subtracts a mean for each pixel.
        Recipe(
            "paper",
            epochs=164,
            batch_size=128,
            learning_rate=0.1,
            momentum=0.9,
            weight_decay=1e-4,
            decay=0.1,
            decay_after=(82, 123),
            initial="he",
            mean=CIFAR_MEAN,
            std=CIFAR_STD,
            augment=True,
            data="cifar10",
            published="8.75% test error (He et al. 2015, Table 6)",
        ),
    ],
}
