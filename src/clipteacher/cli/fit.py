"""`clipteacher fit`: trains a student under a teacher and leaves a run folder."""

from __future__ import annotations

from collections.abc import Sequence

from clipteacher.cli.configs import with_found_configs
from clipteacher.cli.errors import refuse, user_errors
from clipteacher.cli.fit_help import fit_help
from clipteacher.utils.usage import UsageError


def fit(arguments: Sequence[str]) -> None:
    """Train a student under a frozen teacher, score it, and leave a run folder."""
    if any(word in ("-h", "--help") for word in arguments):
        print(fit_help(), end="")
        raise SystemExit(0)
    with user_errors():
        arguments = with_found_configs(arguments)
    # Lightning takes seconds to load: what is wrong so far was said at once.
    from clipteacher.cli.faults import training_faults
    from clipteacher.cli.table import print_scores
    from clipteacher.training.chatter import without_chatter
    from clipteacher.training.configured import configured_session

    every_option = ["--help" if word == "--help.all" else word for word in arguments]
    with user_errors(), without_chatter():
        try:
            session = configured_session(every_option, description=fit.__doc__)
        except UsageError as error:
            refuse("clipteacher fit", str(error))
    with training_faults(session.run), without_chatter():
        result = session.start()
    if result is None:  # one of several processes, and not the first
        return
    calibration, gate = result.segmenter.settings.calibration, result.segmenter.gate
    print_scores(result.scores, result.data.class_split, result.protocol, calibration, gate)
    run = session.run
    print(f"Written: {run.model}, {run.metrics}, {run.report}")
