"""A port file whose import fails a file further down."""

from imports_nothing import net

__all__ = ["net"]
