"""``tunewright run``: a study to its end on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import TunewrightError
from . import options

if TYPE_CHECKING:
    from ..progress import Progress
    from ..study import Study


@click.command()
@options.study_file
@options.store
@click.option("--session", help="Id of the session; `new` begins another. Default: go on with the latest one.")
@click.option("--trials", type=click.IntRange(1, 100_000), help="Instead of budget.trials.")
@click.option("--parallel", type=click.IntRange(1, 256), help="Instead of budget.parallel_trials.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of seed.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report page to this file."
)
@click.option(
    "--single-writer",
    is_flag=True,
    envvar="TUNEWRIGHT_SINGLE_WRITER",
    show_envvar=True,
    help="Use a store without atomic writes; you promise that nothing else writes to it.",
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors and the best configuration.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output, for programs.")
def command(
    file: Path,
    store: str,
    session: str | None,
    trials: int | None,
    parallel: int | None,
    seed: int | None,
    report: Path | None,
    single_writer: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run the study in FILE to its end, or go on with it.

    Stop it with Ctrl-C, kill it, pull the plug: the same command goes on, no finished trial is lost or repeated.
    A finished session stays finished; `--session new` searches on with what all sessions before have learnt.
    """
    from ..embedded.loop import run_study
    from ..progress import Lines
    from ..study_file import load_study, placed
    from ..training.parameters import parameter_mistakes

    if report is not None:
        from .report import check_output

        check_output(report)
    try:
        study = _with(load_study(file, checks=[parameter_mistakes]), trials=trials, parallel=parallel, seed=seed)
        if not (quiet or as_json) and _had_ended(study.name, store, session):
            click.echo(
                "this session had ended before; `--session new` searches on from what all sessions have learnt",
                err=True,
            )
        with placed(file):
            result = run_study(
                study,
                store=store,
                session=session,
                base=file.resolve().parent,
                progress=_progress(quiet, as_json),
                single_writer=single_writer,
            )
    except TunewrightError as error:
        if as_json:
            Lines().error(error)
        raise
    if report is not None and result.report is not None:
        from .report import copy_page

        copy_page(result.address, result.session, report)
    if not as_json:
        from .summary import summary

        click.echo(summary(study, result, quiet=quiet, report=report))
    return 1 if result.failed or result.best is None else 0


def _had_ended(study: str, store: str, session: str | None) -> bool:
    """True when there is nothing left to do in the session."""
    from ..steps.ledger import Ledger
    from ..store.opening import open_store, study_store

    found = Ledger(study_store(open_store(store), study)).find_head()
    return found is not None and found[0].finished is not None and session in (None, found[0].session)


def _with(study: Study, *, trials: int | None, parallel: int | None, seed: int | None) -> Study:
    budget = {name: value for name, value in (("trials", trials), ("parallel_trials", parallel)) if value is not None}
    changes: dict[str, object] = {"budget": study.budget.model_copy(update=budget)}
    if seed is not None:
        changes["seed"] = seed
    return study.model_copy(update=changes)


def _progress(quiet: bool, as_json: bool) -> Progress:
    from ..progress import Lines, Plain, Quiet

    if as_json:
        return Lines()
    if quiet:
        return Quiet()
    if sys.stderr.isatty():
        from ..display import Display

        return Display()
    return Plain()
