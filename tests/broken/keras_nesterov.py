"""SGD looks ahead."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "nesterov",
    "takes": {"nesterov": True},
}
