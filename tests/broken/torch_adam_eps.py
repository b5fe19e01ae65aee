"""Adam with the eps that is Keras' default."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "optimizer-eps",
    "recipe": {"optimizer": "adam", "learning_rate": 0.001},
    "takes": {"eps": 1e-07},
}
