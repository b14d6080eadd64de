"""The plan of a run: what decides its result, besides the data."""

from typing import Any

from convfilter.networks.architectures import check_name
from convfilter.system.values import dataclass
from convfilter.train.recipes import load_recipe


@dataclass(frozen=True)
class Plan:
    """Kept in config.json.

    validation: the share of the training pictures that is kept for it, 0–1. limit: pictures used at most;
    None takes all. classes: how many there are, where the data doesn't say.
    """

    recipe: str
    architecture: str
    epochs: int
    batch_size: int
    seed: int
    validation: float
    limit: int | None = None
    classes: int | None = None


def new_plan(recipe: str, seed: int, **given: Any) -> Plan:
    """The recipe's plan with the fields that are given; None stands for the recipe's own.

    Raises FilterError for an unknown recipe or architecture.
    """
    module = load_recipe(recipe)
    own = {
        "architecture": module.ARCHITECTURE,
        "epochs": module.EPOCHS,
        "batch_size": module.BATCH_SIZE,
        "validation": module.VALIDATION,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    plan = Plan(recipe=recipe, seed=seed, **{**own, **chosen})
    check_name(plan.architecture)
    return plan
