"""Rules that end a trial early, pure: no I/O, no clock. Rewards are larger-is-better; steps ascend.

::

    curve.py          a learning curve, and what the other trials of the study show
    median.py         worse than the median
    halving.py        asynchronous successive halving, and whom it promotes
    extrapolation.py  a reward model of learning curves
    fidelity.py       what a stopped trial is worth to the agent
    verbs.py          the rule of a session's settings
"""
