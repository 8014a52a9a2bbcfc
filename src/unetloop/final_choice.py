"""Which of the models of a run is kept at its end, and with which thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop.fitting import fit_instances
from unetloop.selection import choose_share
from unetloop.validation import predict_windows, score_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.held_out import Window
    from unetloop.keeping import Keeper
    from unetloop.network import Network
    from unetloop.training_step import Learner

__all__ = ["choose_final"]

_CLEARLY = 0.03


def choose_final(
    learner: Learner,
    keeper: Keeper,
    windows: Sequence[Window],
    epoch: int,
    *,
    warm: bool,
    early: bool,
) -> tuple[float, int]:
    """Put the network to keep into ``learner.averaged``, and fit its thresholds.

    Parameters
    ----------
    learner : Learner
        Is at the last step.
    keeper : Keeper
        Knows the best epoch, whose model lies in its folder; is given the
        thresholds.
    windows : sequence of Window
        Images held out, at least one.
    epoch : int
        The last one.
    warm : bool
        Whether the run started from a trained model.
    early : bool
        Whether it was stopped because nothing got better.

    Returns
    -------
    score : float
        On the same images, by the measure of the task, 0..1.
    epoch : int
        Whose network it is.
    """
    usual, usual_way = keeper.instances, learner.share
    if warm:

        def network_at(share: float) -> Network:
            learner.follow(share)
            return learner.network

        learner.follow(choose_share(network_at, usual_way, windows, usual))
    maps = predict_windows(learner.network, windows)
    keeper.instances, score = fit_instances(windows, maps, usual)
    best = keeper.best.score
    last = score_windows(windows, maps, usual) if best is not None else 0.0
    # The last steps, at the lowest rate, are the better bet; few images must say
    # clearly that an earlier epoch was better.
    lead = 0.0 if early else _CLEARLY
    if best is None or best <= last + lead:
        return score, epoch
    learner.load_best(keeper.out)
    learner.share = usual_way
    maps = predict_windows(learner.network, windows)
    keeper.instances, score = fit_instances(windows, maps, usual)
    return score, keeper.best.epoch
