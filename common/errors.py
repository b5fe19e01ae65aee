"""What can go wrong at the border, each with the exit status that it ends in."""


class CompareError(Exception):
    """An error whose text is meant for the user: one clear line, no traceback."""

    exit_status = 2


class UsageError(CompareError):
    """A wrong option, name or path: what was expected, what was found, what to do."""


class DataError(CompareError):
    """Data that cannot be used: missing, corrupt, or not what the model reads."""


class SpecError(CompareError):
    """A spec that contradicts itself."""


class WorkerError(CompareError):
    """A worker process that died, hung or raised."""

    exit_status = 3
