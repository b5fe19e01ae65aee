"""A functional dropout, with a mask that no other framework can know."""

from common.locate import locate

Dropping = locate(
    __file__.replace("broken/keras_drops_on_its_own", "ports/dropping_keras") + ":DropsOnItsOwn"
)

EXPECT = {
    "side": "keras",
    "spec": "dropping",
    "rung": 3,
    "layer": "pool",
    "cause": None,
    "as_port": {"layer": "dropout", "cause": "dropout-in-evaluation"},
}


class Port(Dropping):
    pass
