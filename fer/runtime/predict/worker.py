"""A process that looks at pictures for another: jobs come on standard input, outcomes go to standard output."""

import logging
import os
import pickle
import signal
import sys

from fer.common.errors import FerError


def main() -> None:
    """Reads a recipe, then lists of jobs, until its input ends; answers each list with its outcomes or an error."""
    # Ctrl-C is the other process's to hear; it closes the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nothing that a library prints may come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.basicConfig(level=logging.WARNING, format="warning: %(message)s", stream=sys.stderr)

    import cv2

    from fer.runtime.predict.pictures import Outcome, outcomes
    from fer.runtime.predictor import Predictor

    # The other cores have processes of their own.
    cv2.setNumThreads(1)
    jobs = sys.stdin.buffer
    recipe = pickle.load(jobs)  # noqa: S301 - from the process that started this one
    predictor = Predictor(recipe.open_model(), recipe.open_detector())
    while True:
        try:
            asked = pickle.load(jobs)  # noqa: S301 - as above
        except EOFError:
            return
        answer: list[Outcome] | FerError
        try:
            answer = list(outcomes(asked, predictor))
        except FerError as error:
            answer = error
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()
