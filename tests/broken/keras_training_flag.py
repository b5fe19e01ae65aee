"""training=False, told to one layer, reaches those called after it."""

from common.locate import locate

Dropping = locate(
    __file__.replace("broken/keras_training_flag", "ports/dropping_keras") + ":FrozenFromHere"
)

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 4,
    "layer": "bn2",
    "cause": "bn-frozen",
    "also": ("drop1", "drop2"),
}


class Port(Dropping):
    pass
