"""Layout of the paper's convolutional network, worked out before anything trains.

``layers`` times convolution, ReLU, pooling; then ``layers`` times fully connected, ReLU; then one output a class. The paper leaves
padding open: here convolutions are padded by half their kernel and pooling is not, so that strides too large for the image leave a
pooling kernel larger than its input, which is infeasible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from ..errors import InputError, TrialInfeasible
from ..space import Value

POOLING: dict[Value, str] = {"max": "max", "average": "average", 0: "max", 1: "average"}
"""Kinds of pooling, by name and as the paper's table of the search space writes them."""


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution and the pooling after it."""

    channels_in: int
    channels: int
    kernel: int
    stride: int
    pool: str  #: max or average
    pool_kernel: int
    pool_stride: int

    @property
    def padding(self) -> int:
        return self.kernel // 2


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The whole network."""

    convolutions: list[Convolution]
    fully_connected: list[tuple[int, int]]  #: inputs and outputs, the last one gives the classes


def plan(configuration: Mapping[str, Value], layers: int, image: tuple[int, int, int], classes: int) -> Layout:
    """The network of a configuration for images ``(C, H, W)``.

    Raises:
        TrialInfeasible: nothing is left of the image, named by layer and size.
        InputError: a value of the wrong type.
    """
    channels, height, width = image
    convolutions = []
    for i in range(1, layers + 1):
        pool = configuration[f"pool{i}_type"]
        if pool not in POOLING:
            raise InputError(
                f"pool{i}_type: must be one of {', '.join(map(str, POOLING))}, got {pool!r}; change space or trial.fixed"
            )
        convolution = Convolution(
            channels_in=channels,
            channels=whole(configuration, f"conv{i}_channels"),
            kernel=whole(configuration, f"conv{i}_kernel"),
            stride=whole(configuration, f"conv{i}_stride"),
            pool=POOLING[pool],
            pool_kernel=whole(configuration, f"pool{i}_kernel"),
            pool_stride=whole(configuration, f"pool{i}_stride"),
        )
        convolutions.append(convolution)
        channels = convolution.channels
        height, width = (_after(convolution, size, i) for size in (height, width))
    nodes = [channels * height * width, *(whole(configuration, f"fc{i}_nodes") for i in range(1, layers + 1)), classes]
    return Layout(convolutions=convolutions, fully_connected=list(pairwise(nodes)))


def _after(layer: Convolution, size: int, i: int) -> int:
    """Side of the image after convolution and pooling number ``i``."""
    convolved = (size + 2 * layer.padding - layer.kernel) // layer.stride + 1
    if convolved < 1:
        raise TrialInfeasible(
            f"conv{i}: kernel {layer.kernel} with padding {layer.padding} does not fit an input of size {size}"
        )
    if layer.pool_kernel > convolved:
        raise TrialInfeasible(
            f"pool{i}: kernel must be at most the size of its input, got kernel {layer.pool_kernel} and size {convolved} "
            f"(conv{i} made {convolved} of {size} with stride {layer.stride})"
        )
    return (convolved - layer.pool_kernel) // layer.pool_stride + 1


def whole(configuration: Mapping[str, Value], name: str) -> int:
    """A positive whole number of the configuration. Raises InputError."""
    value = configuration[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 1:
        raise InputError(f"{name}: must be a whole number >= 1, got {value!r}; change space or trial.fixed")
    return int(value)
