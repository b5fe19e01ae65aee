"""Imports what is not there."""

import no_such_package


def net():
    return no_such_package.net()
