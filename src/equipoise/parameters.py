"""Parameters as scikit-learn reads them, for parts of a PyTorch loop that must not wait for its import."""

from inspect import signature
from typing import Any, Self


class Parametrized:
    """Base of parts whose constructor stores its arguments: `sklearn.base.clone` and ``set_params`` work on them.

    >>> from equipoise import ReMix
    >>> ReMix(alpha=0.2).set_params(alpha=0.4)
    ReMix(alpha=0.4)
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; none of them has parameters of its own."""
        return {name: getattr(self, name) for name in sorted(signature(type(self)).parameters)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name.

        Raises ValueError if a name is not a parameter.
        """
        names = self.get_params()
        for name, value in params.items():
            if name not in names:
                raise ValueError(f"Invalid parameter {name!r} for {type(self).__name__}; it has {', '.join(names)}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in signature(type(self)).parameters.items()
            if repr(getattr(self, name)) != repr(parameter.default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"
