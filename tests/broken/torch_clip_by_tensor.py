"""Each tensor's norm is clipped instead of the norm of all."""

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 6,
    "layer": "training step",
    "cause": "clip-rule",
    "recipe": {"clip": "global-norm", "clip_at": 0.1},
    "takes": {"clip": "norm"},
}
