"""Its layers are made in the opposite order of their use."""

from common.locate import locate

Branches = locate(
    __file__.replace("correct/keras_made_in_another_order", "ports/branches_keras") + ":Branches"
)
EXPECT = {"side": "keras", "spec": "branches"}


class Port(Branches):
    def __init__(self):
        super().__init__()
        for name in ("fc", "flatten", "pool", "join", "right", "left", "bn", "stem"):
            layer = getattr(self, name)
            delattr(self, name)
            setattr(self, name, layer)
