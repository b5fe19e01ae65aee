"""Adam forgets squares sooner."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "beta2",
    "recipe": {"optimizer": "adam", "learning_rate": 0.001},
    "takes": {"beta2": 0.99},
}
