"""The report of a session: one offline HTML page, and the same pictures for notebooks.

::

    record.py         what the page shows, already loaded
    trials.py         plans and results joined, numbered over the study, with the incumbent
    facts.py          the numbers in the text
    importance.py     which parameters mattered
    slices.py         the reward model's belief along each parameter
    rows.py           rows of trials, parameters and rounds
    tables.py         all of them together, shared by every picture
    pictures/         Vega-Lite charts over those rows
    figures.py        the pictures for notebooks
    configuration.py  a configuration as text to copy
    words.py          numbers, times and ranges in words
    summary.py        the head of the page
    sections.py       what its sections say
    page.py           the page
"""
