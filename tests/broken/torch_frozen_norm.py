"""One batch norm stays in evaluation mode while the rest trains."""

from common.locate import locate

Dropping = locate(
    __file__.replace("broken/torch_frozen_norm", "ports/dropping_torch") + ":FrozenNorm"
)

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 4,
    "layer": "bn2",
    "cause": "bn-frozen",
}


class Port(Dropping):
    pass
