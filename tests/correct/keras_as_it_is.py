"""Nothing is done to it: batch norm behind a bias, dropout, a hundred steps."""

EXPECT = {"side": "keras", "spec": "dropping"}
