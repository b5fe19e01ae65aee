"""Weights decay beside the gradient instead of in it."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "decay-coupling",
    "recipe": {"weight_decay": 0.01},
    "takes": {"decoupled": True},
}
