"""The same with Keras' own layers."""

import keras
from keras import layers


def unit(x, filters, stride):
    if stride == 2:
        x = layers.ZeroPadding2D(1)(x)
    padding = "valid" if stride == 2 else "same"
    x = layers.DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.ReLU(max_value=6.0)(x)
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.ReLU(6.0)(x)


def Port():
    image = keras.Input((17, 14, 3))
    x = unit(unit(image, 6, 1), 6, 2)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
