"""Training and evaluation of one configuration: runners, built-in trainers, their data and metrics.

xgboost, torch, pandas and scikit-learn are imported where they are used, so that this package costs nothing until a
trial runs.
"""
