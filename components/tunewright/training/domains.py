"""Values that the built-in trainers take for their hyperparameters: what lies outside fails every trial that draws it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ..diagnosis import one_of, shown
from ..parameter import CategoricalParameter, OrdinalParameter, Parameter, Value, key
from .layout import POOLING

NUMBER = re.compile(r"[-+.0-9eE]+")
"""What XGBoost may read as a number; Python also takes 1_000, blanks and the digits of other scripts."""


@dataclass(frozen=True)
class Domain:
    """Numbers in [low, high], whole ones, or a few named values."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    text: type[int | float] | None = None  #: what text is read as: "3" is a whole number to XGBoost, and 3.0 is not
    choices: tuple[Value, ...] = ()

    def __contains__(self, value: Value) -> bool:
        if self.choices:
            return key(value) in map(key, self.choices)
        if isinstance(value, str):
            return self.low <= self._read(value) <= self.high
        fits = not self.whole or isinstance(value, int) or (value.is_integer() and self.text is None)
        return fits and not isinstance(value, bool) and self.low <= value <= self.high

    def refusal(self, value: Value) -> str:
        """What is said of a value that is not in the domain."""
        if self.choices:
            return one_of(value, [str(choice) for choice in self.choices])
        noun = "a whole number" if self.whole or (isinstance(value, str) and self.text is int) else "a number"
        span = f">= {self.low:g}" if self.high == math.inf else f"from {self.low:g} to {self.high:g}"
        return f"must be {noun} {span}, got {shown(value)}; change it"

    def _read(self, text: str) -> float:
        """The number that a text stands for; NaN, which lies in no domain, when it stands for none."""
        try:
            return self.text(text) if self.text is not None and NUMBER.fullmatch(text) else math.nan
        except ValueError:
            return math.nan

    def outside(self, parameter: Parameter) -> Value | None:
        """A value of the parameter that is not in the domain; None when all are."""
        listed = parameter.choices if isinstance(parameter, CategoricalParameter | OrdinalParameter) else None
        second = 1.5 / parameter.cardinality if parameter.cardinality else 1 / math.pi  # no whole number by chance
        values = listed or [parameter.value(u) for u in (0.0, second, 1.0)]
        return next((value for value in values if value not in self), None)


def _named(names: str, domain: Domain | None) -> dict[str, Domain | None]:
    return dict.fromkeys(names.split(), domain)


_COUNT = Domain(low=1, whole=True)
ROUNDS = Domain(low=1, whole=True, text=int)

#: Parameters of XGBoost's boosters and what it takes for them; None: it says itself. Device, threads, seed and number of classes are set by the
#: trainer.
XGBOOST: dict[str, Domain | None] = {
    **_named(
        "learning_rate eta gamma min_split_loss min_child_weight max_delta_step reg_lambda lambda reg_alpha alpha"
        " scale_pos_weight",
        Domain(low=0, text=float),
    ),
    **_named(
        "subsample colsample_bytree colsample_bylevel colsample_bynode rate_drop skip_drop", Domain(0, 1, text=float)
    ),
    **_named("max_depth max_leaves", Domain(low=0, whole=True, text=int)),
    **_named("num_parallel_tree max_cat_to_onehot max_cat_threshold", Domain(low=1, whole=True, text=int)),
    "n_estimators": ROUNDS,
    "max_bin": Domain(low=2, whole=True, text=int),
    "booster": Domain(choices=("gbtree", "dart", "gblinear")),
    "tree_method": Domain(choices=("auto", "exact", "approx", "hist")),
    "grow_policy": Domain(choices=("depthwise", "lossguide")),
    "sampling_method": Domain(choices=("uniform", "gradient_based")),
    "sample_type": Domain(choices=("uniform", "weighted")),
    "normalize_type": Domain(choices=("tree", "forest")),
    **_named(
        "refresh_leaf process_type monotone_constraints interaction_constraints base_score one_drop updater"
        " feature_selector top_k objective eval_metric tweedie_variance_power huber_slope",
        None,
    ),
}

_LAYER = {
    "conv{}_stride": _COUNT,
    "conv{}_kernel": _COUNT,
    "conv{}_channels": _COUNT,
    "pool{}_kernel": _COUNT,
    "pool{}_stride": _COUNT,
    "pool{}_type": Domain(choices=tuple(POOLING)),
    "fc{}_nodes": _COUNT,
}


def cnn(layers: int) -> dict[str, Domain | None]:
    """Hyperparameters of the convolutional network (paper, search space of the CNN); all of them are needed."""
    return {
        "batch_size": _COUNT,
        "learning_rate": Domain(low=0),
        **{name.format(i): domain for i in range(1, layers + 1) for name, domain in _LAYER.items()},
    }
