"""Run the whole search in one process, and hand out what it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..embedded.loop import address_of, run_study
from ..errors import InputError
from ..progress import Lines
from ..store import layout
from ..trial import Champion, plain
from .ledger import Ledger
from .open import received

CHAMPION = "champion.json"  #: beside the model's own files; says which trial and configuration they came from


def main(*, store: str, study_text: str, session: str = "") -> dict[str, Any]:
    """Entry point of the step.

    Raises:
        InputError: the study or the store is wrong, the session has failed, or no trial of the study has completed with a model that scores again.
    """
    study = received(study_text)
    result = run_study(study, store=store, session=session or None, base=Path.cwd(), progress=Lines())
    if result.champion is None:
        raise InputError(
            f"study {study.name!r} must have a completed trial whose model scores again, got none of {len(result.trials)} ({result.reason}); "
            f"see {result.report}"
        )
    if result.failed:
        raise InputError(f"the session of study {study.name!r} must end well, but {result.reason}; see {result.report}")
    return {
        "objective": result.champion.objective,
        "best": json.dumps(result.champion.configuration),
        "model": model_files(Ledger.at(address_of(store, study)), result.champion),
    }


def model_files(ledger: Ledger, champion: Champion) -> dict[str, bytes]:
    """The champion's model by file name, each file checked against its digest.

    Raises:
        ArtifactCorrupt: a file is not what training wrote.
    """
    files = {
        key.split("/model/", 1)[1]: layout.get_verified(ledger.store, key, digest)
        for key, digest in champion.model.items()
    }
    return files | {CHAMPION: json.dumps(plain(champion), indent=1).encode()}
