"""Reward models: one port, a Gaussian process and an ensemble of neural networks behind it."""
