"""The weight decay was not carried over."""

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "decay-missing",
    "recipe": {"weight_decay": 0.01},
    "takes": {"weight_decay": 0.0},
}
