"""``tunewright step``: the steps of the loop, as containers run them."""

from ..steps.__main__ import group

command = group()
