"""SGD looks ahead."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "nesterov",
    "takes": {"nesterov": True},
}
