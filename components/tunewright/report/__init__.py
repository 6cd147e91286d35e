"""The report of a session: one offline HTML page, and the same pictures for notebooks.

::

    record.py       what the page shows, already loaded
    trials.py       plans and results joined, numbered over the study, with the incumbent
    facts.py        the numbers in the text
    importance.py   which parameters mattered
    slices.py       the reward model's belief along each parameter
    tables.py       the rows behind the pictures, shared by all of them
    pictures/       Vega-Lite charts over those rows
    figures.py      the pictures for notebooks
    page.py         the page
"""
