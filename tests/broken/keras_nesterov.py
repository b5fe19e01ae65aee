"""SGD looks ahead."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "takes": {"nesterov": True},
}
