"""Why a part errs: from the fault to its proven cause; `explain` is where it starts."""
