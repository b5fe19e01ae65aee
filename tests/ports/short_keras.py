"""Nets that hold float32, whatever they are asked for: by a layer's dtype, or by a cast."""

import keras
from keras import layers, ops


def net(dtype=None, last=None, eps=1e-5, mirrored=False, softmax=False, normed=False):
    """`dtype` of every layer, `last` of the last one."""
    kind = {} if dtype is None else {"dtype": dtype}
    around = ((0, 1), (0, 1)) if mirrored else 1
    x = inputs = keras.Input((16, 16, 3), **kind)
    x = layers.ZeroPadding2D(around, **kind)(x)
    x = layers.Conv2D(8, 3, strides=2, padding="valid", name="conv1", **kind)(x)
    x = layers.BatchNormalization(epsilon=eps, momentum=0.9, name="bn1", **kind)(x)
    x = layers.ReLU(**kind)(x)
    x = layers.Conv2D(16, 3, padding="same", name="conv2", **kind)(x)
    x = layers.BatchNormalization(epsilon=eps, momentum=0.9, name="bn2", **kind)(x)
    x = layers.ReLU(**kind)(x)
    x = layers.GlobalAveragePooling2D(**kind)(x)
    if normed:
        y = ops.cast(x, "float32")
        x = y / ops.sqrt(ops.mean(y * y, axis=1, keepdims=True) + 1e-6)
    own = {"dtype": last} if last else kind
    x = layers.Dense(5, activation="softmax" if softmax else None, name="fc", **own)(x)
    return keras.Model(inputs, x)
