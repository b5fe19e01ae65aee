"""A functional dropout, with a mask that no other framework can know."""

from common.locate import locate

Dropping = locate(
    __file__.replace("broken/torch_drops_on_its_own", "ports/dropping_torch") + ":DropsOnItsOwn"
)

EXPECT = {
    "side": "torch",
    "spec": "dropping",
    "rung": 4,
    "layer": "pool",
    "cause": None,
    "as_port": {"layer": "dropout", "cause": "dropout-missing"},
}


class Port(Dropping):
    pass
