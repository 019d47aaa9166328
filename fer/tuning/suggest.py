"""What to try next: hyperopt's algorithms, asked one trial at a time."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np

from fer.tuning.distributions import Plain
from fer.tuning.space import Params, Space

Algorithm = Literal["tpe", "random", "anneal"]

REDRAWS: Final = 50
"""Draws without a new point after which an algorithm gives way to chance, and chance to the end of the sweep."""


class Suggester:
    """Proposes points of a space from the losses of earlier ones.

    `tpe` is the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011, section 4), `anneal` hyperopt's
    simulated annealing, `random` draws from the space alone. A proposal depends on the seed, the number of the trial
    and the losses told so far, so that a sweep that goes on after an interruption does not replay its first draws.

    Args:
        space: what is searched.
        algorithm: one of the three.
        seed: of every draw.
        startup_trials: trials that ended before `tpe` believes their losses; until then it draws at random.
    """

    def __init__(self, space: Space, *, algorithm: Algorithm, seed: int, startup_trials: int) -> None:
        from hyperopt import Trials
        from hyperopt.base import Domain

        logging.getLogger("hyperopt").setLevel(logging.WARNING)
        self.space = space
        self.seed = seed
        self._trials = Trials()
        self._domain = Domain(lambda point: 0.0, space.expression())
        self._suggest = _algorithm(algorithm, startup_trials)
        self._known: set[tuple[tuple[str, str], ...]] = set()

    def ask(self, number: int) -> Params | None:
        """The point for trial `number`; None where nothing new is left to try."""
        from hyperopt import rand

        for suggest in (self._suggest, rand.suggest):
            for redraw in range(REDRAWS):
                words = np.random.SeedSequence([self.seed, number, redraw]).generate_state(1)
                (document,) = suggest([number], self._domain, self._trials, int(words[0]))
                params = self.space.params(document["misc"]["vals"])
                if _key(params) not in self._known:
                    self._known.add(_key(params))
                    return params
        return None

    def expect(self, params: Mapping[str, Plain]) -> None:
        """Keeps a point from being proposed that a trial is going on with."""
        self._known.add(_key(params))

    def tell(self, number: int, params: Mapping[str, Plain], *, loss: float | None) -> None:
        """Records a trial that ended; a failed one has no loss, and is not tried again.

        Raises:
            ConfigError: the point is not of this space.
        """
        from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK

        self._known.add(_key(params))
        vals = self.space.vals(params)
        misc = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "idxs": {label: [number] if drawn else [] for label, drawn in vals.items()},
            "vals": vals,
        }
        # A NaN among the losses would attract the estimator: a trial without a loss has failed.
        result = {"status": STATUS_FAIL} if loss is None else {"status": STATUS_OK, "loss": loss}
        (document,) = self._trials.new_trial_docs([number], [None], [result], [misc])
        document["state"] = JOB_STATE_DONE
        self._trials.insert_trial_doc(document)
        self._trials.refresh()


def _algorithm(name: Algorithm, startup_trials: int) -> Callable[..., list[dict[str, Any]]]:
    from functools import partial

    from hyperopt import anneal, rand, tpe

    if name == "tpe":
        return partial(tpe.suggest, n_startup_jobs=startup_trials, verbose=False)
    suggest: Callable[..., list[dict[str, Any]]] = rand.suggest if name == "random" else anneal.suggest
    return suggest


def _key(params: Mapping[str, Plain]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, repr(value)) for key, value in params.items()))
