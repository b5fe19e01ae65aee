"""Every number that decides a verdict, with the measurement that set it.

Errors are max |a - b| / max |b| over a tensor. Rounding shrinks by nine decades from float32 to
float64 while a fault does not, so float64 decides and its bounds lie far from both.
"""

PLACEHOLDER = None
FORWARD_FLOAT64 = 1e-12
GRADIENT_FLOAT64 = 1e-10
FORWARD_FLOAT32 = 1e-5
GRADIENT_FLOAT32 = 1e-4
STEP_FLOAT64 = 1e-10
