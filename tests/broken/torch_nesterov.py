"""SGD looks ahead."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "takes": {"nesterov": True},
}
