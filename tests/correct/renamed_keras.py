"""The same classifier, named by somebody else."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.eye = layers.Conv2D(8, 3, padding="same", name="gamma")
        self.calm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="fc1")
        self.brain = layers.Conv2D(8, 3, padding="same", name="conv1")
        self.peace = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="bn1")
        self.shrink_a = layers.MaxPooling2D()
        self.shrink_b = layers.MaxPooling2D()
        self.line = layers.Flatten()
        self.think = layers.Dense(12, name="fc2")
        self.forget = layers.Dropout(0.3)
        self.say = layers.Dense(5, name="conv2")

    def call(self, x, training=None):
        x = self.shrink_a(keras.ops.relu(self.calm(self.eye(x), training=training)))
        x = self.shrink_b(keras.ops.relu(self.peace(self.brain(x), training=training)))
        x = keras.ops.relu(self.think(self.line(x)))
        return self.say(self.forget(x, training=training))
