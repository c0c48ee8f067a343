from types import SimpleNamespace

import pytest


@pytest.fixture
def made_by():
    """The classifier that an arm makes, of one network and ten steps."""
    fold, protocol = SimpleNamespace(fold=SimpleNamespace(seed=0)), SimpleNamespace(n_members=1, max_steps=10)
    return lambda arm: arm.make(fold, protocol)
