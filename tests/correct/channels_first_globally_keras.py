"""Everything is channels first, by Keras' own switch."""

import keras
from keras import layers


def Port():
    keras.config.set_image_data_format("channels_first")
    return keras.Sequential(
        [
            keras.Input((3, 12, 17)),
            layers.Conv2D(5, 3, strides=2),
            layers.BatchNormalization(axis=1, momentum=0.9, epsilon=1e-5),
            layers.ReLU(),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
