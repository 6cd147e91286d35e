"""The network is worked out, or found infeasible, before anything trains."""

from __future__ import annotations

import pytest
import torch

from tunewright.errors import InputError, TrialInfeasible
from tunewright.space import Configuration
from tunewright.training.cnn import build
from tunewright.training.layout import plan

FITS: Configuration = {
    "conv1_stride": 2, "conv1_kernel": 3, "conv1_channels": 4, "pool1_kernel": 2, "pool1_stride": 2, "pool1_type": "max",
    "conv2_stride": 1, "conv2_kernel": 4, "conv2_channels": 6, "pool2_kernel": 3, "pool2_stride": 1, "pool2_type": "average",
    "fc1_nodes": 10, "fc2_nodes": 8, "batch_size": 32, "learning_rate": 0.01,
}  # fmt: skip


@pytest.mark.parametrize("image", [(1, 28, 28), (3, 17, 23)])
def test_the_planned_sizes_are_those_that_torch_computes(image: tuple[int, int, int]) -> None:
    layout = plan(FITS, 2, image, classes=5)
    assert build(layout)(torch.zeros(7, *image)).shape == (7, 5), "a wrong size would not fit the first linear layer"


def test_sizes_by_hand() -> None:
    # 28 -> conv (28 + 2 - 3) // 2 + 1 = 14 -> pool 7 -> conv (7 + 4 - 4) + 1 = 8 -> pool 8 - 3 + 1 = 6
    assert plan(FITS, 2, (1, 28, 28), classes=5).fully_connected == [(6 * 6 * 6, 10), (10, 8), (8, 5)]


def test_strides_too_large_for_the_image_are_infeasible_by_layer_and_size() -> None:
    with pytest.raises(TrialInfeasible) as caught:
        plan({**FITS, "conv1_stride": 5, "pool1_stride": 5}, 2, (1, 28, 28), classes=5)
    expected = (
        "pool2: kernel must be at most the size of its input, got kernel 3 and size 2 (conv2 made 2 of 1 with stride 1)"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("fc1_nodes", 0), ("conv1_kernel", 2.5), ("pool2_stride", True), ("conv2_channels", "many")]
)
def test_sizes_must_be_whole_and_positive(name: str, value: bool | int | float | str) -> None:
    with pytest.raises(InputError, match=rf"{name}: must be a whole number >= 1, got {value!r}"):
        plan({**FITS, name: value}, 2, (1, 28, 28), classes=5)


def test_pooling_is_max_or_average_or_the_paper_s_number_of_it() -> None:
    assert plan({**FITS, "pool1_type": 0, "pool2_type": 1}, 2, (1, 28, 28), 5) == plan(FITS, 2, (1, 28, 28), 5)
    with pytest.raises(InputError, match="pool1_type: must be one of max, average, 0, 1, got 'median'"):
        plan({**FITS, "pool1_type": "median"}, 2, (1, 28, 28), classes=5)
