"""Columns that are left out besides those that the list names, and why: identifiers, and columns that tell the class.

Found by reading every table: what is unique in a row, what names its subject, what was recorded only because the class was known.
"""

from __future__ import annotations

ROW_NAMES = "rownames"  #: R's names of rows, in every frame

LEAKS: dict[str, dict[str, str]] = {
    "modeldata-cells": {"case": "which rows somebody trained on"},
    "ecdat-fishing": {"price": "price of the mode that was chosen", "catch": "catch of the mode that was chosen"},
    "ecdat-heating": {"idcase": "identifier"},
    "ecdat-train": {"id": "identifier of the person", "choiceid": "number of the question"},
    "cardata-ces11": {"id": "identifier"},
    "daag-nasscds": {"injSeverity": "one of its levels is: killed"},
    "openintro-email": {"time": "unique in nearly every row"},
    "openintro-loans_full_schema": {"emp_title": "free text, unique in half of the rows"},
    "openintro-mn_police_use_of_force": {"response_datetime": "unique in half of the rows"},
    "openintro-smoking": {
        "amt_weekends": "recorded for smokers only",
        "amt_weekdays": "recorded for smokers only",
        "type": "recorded for smokers only",
    },
    "lme4-verbagg": {"id": "identifier of the person", "r2": "the class, in two levels"},
    "stat2data-hawks": {"BandNumber": "identifier"},
    "stat2data-suicidechina": {"Person_ID": "identifier"},
    "pscl-politicalinformation": {"id": "identifier of the interviewer"},
    "survival-nwtco": {"edrel": "days until the relapse that is predicted"},
    "mass-crabs": {"index": "row within the group"},
    "mass-bacteria": {"ID": "identifier of the child"},
    "ecdat-yogurt": {"id": "identifier of the household"},
    "ecdat-cracker": {"id": "identifier of the household"},
    "mstate-ebmt2": {"id": "identifier", "time": "days until the cause of death", "status": "the class, as a number"},
    "hsaur-respiratory": {"subject": "identifier of the patient"},
}
