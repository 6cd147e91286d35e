"""A trial with scikit-learn, without any import of tunewright: JSON in, JSON out."""

import json
import os
import pickle
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

parameters = json.loads(Path(os.environ["TUNEWRIGHT_PARAMS"]).read_text())
x, y = load_iris(return_X_y=True)
model = RandomForestClassifier(**parameters, random_state=int(os.environ["TUNEWRIGHT_SEED"]))
scores = cross_val_score(model, x, y, cv=3)
# your own, for your own use
Path(os.environ["TUNEWRIGHT_OUTPUT"], "model.pkl").write_bytes(pickle.dumps(model.fit(x, y)))
Path(os.environ["TUNEWRIGHT_METRICS"]).write_text(json.dumps({"accuracy": scores.mean(), "deviation": scores.std()}))
