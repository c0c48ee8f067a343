"""CUDA's rule: levels that follow what a network knows."""

import pytest
import torch
from sklearn.base import clone

from equipoise_reproductions.augmentation.curriculum import CurriculumAugmentation


def images(n=30):
    return torch.rand(n, 1, 6, 6, generator=torch.Generator().manual_seed(0)), torch.arange(n) % 3


def knowing(*codes):
    """Predicts the class that is written into the corner, if it is known, else a wrong one."""

    def predict(rows):
        written = (rows[:, 0, 0, 0] * 10).round().long()
        known = torch.isin(written, torch.tensor(codes))
        return torch.where(known, written, (written + 1) % 3)

    return predict


def marked():
    x, y = images()
    x[:, 0, 0, 0] = y / 10
    return x, y


def test_levels_rise_for_classes_that_are_known_and_fall_for_others():
    x, y = marked()
    augment = CurriculumAugmentation({"cut_out": 0.01}, n_levels=4, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        augment.end_epoch(knowing(0, 1), x, y)
    assert augment.levels_.tolist() == [3, 3, 0]
    augment.end_epoch(knowing(1), x, y)
    assert augment.levels_.tolist() == [2, 4, 0]
    augment.end_epoch(knowing(1), x, y)
    assert augment.levels_.tolist() == [1, 4, 0]  # 4 is the largest


def test_every_level_up_to_its_own_is_asked_with_more_draws():
    x, y = marked()
    asked = []

    def predict(rows):
        asked.append(len(rows))
        return knowing(0, 1, 2)(rows)

    augment = CurriculumAugmentation({"cut_out": 0.01}, n_draws=5)
    augment.levels_ = torch.tensor([2, 0, 1])
    augment.end_epoch(predict, x, y)
    assert asked == [5, 10, 15, 5, 5, 10]


@pytest.mark.parametrize(("right", "level"), [(6, 0), (7, 1)])
def test_the_share_of_right_draws_must_exceed_the_threshold(right, level):
    x, y = torch.rand(4, 1, 6, 6), torch.zeros(4, dtype=torch.int64)
    augment = CurriculumAugmentation({"contrast": 0.1}, threshold=0.6, n_draws=10)
    augment.end_epoch(lambda rows: (torch.arange(len(rows)) >= right).long(), x, y)
    assert augment.levels_.tolist() == [level]


def test_images_change_by_their_level_and_every_class_keeps_plain_ones():
    x, y = torch.rand(3000, 1, 6, 6), torch.arange(3000) % 3
    augment = CurriculumAugmentation({"brightness": 0.3}, n_levels=10, generator=torch.Generator().manual_seed(0))
    augment.levels_ = torch.tensor([0, 5, 10])
    change = (augment(x, y)[0] - x).abs().flatten(1).amax(1)
    assert change[y == 0].max() < 1e-6
    assert change[y == 1].max() <= 0.15 + 1e-6 < change[y == 2].max() <= 0.3 + 1e-6
    for code in (1, 2):
        assert abs((change[y == code] > 1e-6).double().mean().item() - 0.5) < 0.07


def test_parameters_are_checked_and_cloned():
    with pytest.raises(ValueError, match=r"threshold from 0 to below 1, .* threshold=1"):
        CurriculumAugmentation(threshold=1)
    assert clone(CurriculumAugmentation(n_levels=3), safe=False).n_levels == 3
