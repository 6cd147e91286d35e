"""Names of hyperparameters that the built-in trainers know, so that a typing error is found before anything trains."""

from __future__ import annotations

from ..errors import Problem, StudyInvalid, nearest
from ..study import CNNTrial, CommandTrial, Objective, Study, XGBoostTrial

XGBOOST = frozenset(
    """
    n_estimators booster learning_rate eta gamma min_split_loss max_depth min_child_weight max_delta_step
    subsample sampling_method colsample_bytree colsample_bylevel colsample_bynode reg_lambda lambda reg_alpha
    alpha tree_method scale_pos_weight refresh_leaf process_type grow_policy max_leaves max_bin
    num_parallel_tree monotone_constraints interaction_constraints max_cat_to_onehot max_cat_threshold
    base_score sample_type normalize_type rate_drop one_drop skip_drop updater feature_selector top_k
    objective eval_metric tweedie_variance_power huber_slope
    """.split()  # noqa: SIM905 - a list of forty strings reads worse
)
"""Parameters of XGBoost's boosters. Device, threads, seed and number of classes are set by the trainer."""

_CNN_LAYER = (
    "conv{}_stride",
    "conv{}_kernel",
    "conv{}_channels",
    "pool{}_kernel",
    "pool{}_stride",
    "pool{}_type",
    "fc{}_nodes",
)


def cnn_parameters(layers: int) -> list[str]:
    """Hyperparameters of the convolutional network (paper, search space of the CNN); all of them are needed."""
    return ["batch_size", "learning_rate", *(name.format(i) for i in range(1, layers + 1) for name in _CNN_LAYER)]


def check_parameters(study: Study) -> None:
    """Raise StudyInvalid with every parameter that the study's built-in trainer does not know or lacks."""
    trial = study.trial
    if isinstance(trial, CommandTrial):
        return
    known = sorted(XGBOOST) if isinstance(trial, XGBoostTrial) else cnn_parameters(trial.layers)
    given = [("space", name) for name in study.space] + [("trial.fixed", name) for name in trial.fixed]
    problems = [
        Problem(field=f"{where}.{name}", message=f"{trial.kind} has no parameter {name}; {nearest(name, known)}")
        for where, name in given
        if name not in known
    ]
    if isinstance(trial, CNNTrial):
        names = {name for _, name in given}
        problems += [
            Problem(
                field="space",
                message=f"cnn with {trial.layers} layers needs {name}, got none; add it to space or trial.fixed",
            )
            for name in known
            if name not in names
        ]
    problems += _objective_problems(study.objective)
    if problems:
        raise StudyInvalid(problems)


METRICS = {
    "accuracy": "maximize", "log_loss": "minimize", "f1": "maximize", "roc_auc": "maximize", "rmse": "minimize", "mae": "minimize", "r2": "maximize"
}  # fmt: skip
"""What the built-in trainers compute, and which way is better."""


def _objective_problems(objective: Objective) -> list[Problem]:
    metric, better = objective.metric, METRICS.get(objective.metric)
    if better is None:
        remedy = nearest(metric, tuple(METRICS))
        return [Problem(field="objective.metric", message=f"the built-in trainers do not compute {metric}; {remedy}")]
    if objective.direction != better:
        message = f"must be {better} for {metric}, got {objective.direction}; change it"
        return [Problem(field="objective.direction", message=message)]
    return []
