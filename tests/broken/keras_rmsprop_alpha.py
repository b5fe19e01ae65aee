"""RMSprop with the share that is Keras' default, for PyTorch's."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "beta2",
    "recipe": {"optimizer": "rmsprop", "learning_rate": 0.001, "beta2": 0.99},
    "takes": {"beta2": 0.9},
}
