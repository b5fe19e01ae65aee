"""One batch norm stays in evaluation mode while the rest trains."""

from common.locate import locate

Dropping = locate(
    __file__.replace("broken/keras_frozen_norm", "ports/dropping_keras") + ":FrozenNorm"
)

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 4,
    "layer": "bn2",
    "cause": "bn-frozen",
}


class Port(Dropping):
    pass
