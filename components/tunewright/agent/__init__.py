"""The agent: an LSTM policy over hyperparameters, PPO, a learnt reward model, and a horizon for its use.

Pure: configurations and bytes in, configurations and bytes out. No I/O, no clock, no global seed. Same arguments, same bytes.

The four verbs that steps call stand in `verbs`; importing this package loads no torch, importing `verbs` does.

    verbs.py        propose, fit, update, predict
    grid.py         a space as arrays: snapping, activity, keys
    order.py        in which order the policy decides
    heads.py        what one step draws from: normals and categoricals
    policy.py       the network
    advantage.py    rewards to advantages
    ppo.py          one PPO update
    adam.py         its optimiser
    learner.py      policy, optimiser and baseline as one thing with bytes
    horizon.py      how far the surrogate may be used
    surrogate/      reward models behind one port
    acquisition.py  what the surrogate pays
    candidates.py   where proposals come from
    competition.py  candidates compete under the surrogate
    opening.py      the first trials
    knowledge.py    what was learnt on other tasks
    weights.py      safetensors with kind, version and digest
    streams.py      random streams from one seed
    threads.py      one thread, so that bytes repeat
"""
