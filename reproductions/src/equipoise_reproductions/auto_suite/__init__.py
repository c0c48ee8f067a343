"""The recipe `auto` against boosting and other references, over the comparison suite."""

from equipoise_reproductions.auto_suite.halves import halves

__all__ = ["halves"]
