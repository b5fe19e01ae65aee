"""The learning rate was rounded to half precision."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": None,
    "takes": {"learning_rate": 0.04998779296875},
}
