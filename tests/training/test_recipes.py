"""Recipes are values: what may be overridden, and what is said when it may not."""

from __future__ import annotations

import dataclasses
import json

import pytest

from runtime_py.errors import DpocketError
from training.recipes import RECIPES, Recipe, override, recipe
from training.recipes.base import require_trainable
from training.tasks import TASKS, make_task


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_of_the_table_is_a_frozen_trainable_value_of_that_name(name: str) -> None:
    made = recipe(name)
    assert isinstance(made, Recipe)
    assert made.name == name
    assert made == RECIPES[name]()
    require_trainable(made)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.seed = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.optimisation.steps = 2  # type: ignore[misc]


@pytest.mark.parametrize("name", list(RECIPES))
def test_recipe_survives_json(name: str) -> None:
    made = recipe(name).to_dict()
    assert json.loads(json.dumps(made)) == made


def test_what_only_watches_a_run_is_no_part_of_its_identity() -> None:
    watched = recipe("pocket", ["monitor.save_every=10", "monitor.minutes=5"])
    assert watched.identity() == recipe("pocket").identity() != recipe("pocket", ["seed=2"]).identity()


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("pocket", ["task.name=walk"], "'walk'; known are: disparity, quantised, explicit, recursive"),
        ("pocket", ["task.name=explicit"], "has no settings for the task 'explicit'; 'task.name' cannot be set"),
        ("pocket", ["task.inputs=sound"], "'task.inputs' is 'sound'; known are: dp, rgb_dp, mono"),
        ("explicit", ["model=mono_net", 'model_settings={"width": 10, "colours": 2}'], "set grid=false for 'mono_net'"),
        ("pocket", ["task.inputs=mono", "grid=false"], "the scenes of the task 'disparity' have no colour"),
        (
            "explicit",
            ["model=pyramid", "optimisation.crop=128", "task.inputs=rgb_dp"],
            "network 'pyramid' cannot take the inputs 'rgb_dp'",
        ),
        ("pyramid", ["fresh.scenes=1"], "'task.relief' is 0.5, which draws from a fixed pool"),
        ("pocket", ["task.softness=0.0"], "'task.softness' is 0.0 and 'task.absolute' 1.0; the first must be above 0"),
        ("explicit", ["task.absolute=1.5"], "the second in 0..1"),
        ("explicit", ["task.fit=hope"], "'task.fit' is 'hope'; known are: matching, student, none"),
        ("explicit", ["task.output=0", "task.photometric=0"], "no loss of the task weighs anything"),
        ("explicit", ["task.feature=1"], "sgbm holds no student.safetensors and stereo.safetensors"),
        ("explicit", ["fresh.scenes=1"], "trains on a fixed pool; set fresh.scenes=0"),
        ("recursive-1", ["model=mono_net"], "trains the network 'mono_stereo', not 'mono_net'"),
        ("recursive-1", ["task.stage=4"], "'task.stage' is 4; the stages are 1, 2, 3"),
    ],
)
def test_what_a_task_cannot_train_is_refused_before_anything_is_rendered(
    name: str, settings: list[str], sentence: str
) -> None:
    with pytest.raises(DpocketError, match=sentence):
        make_task(recipe(name, settings))


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_has_a_task_that_takes_it(name: str) -> None:
    made = recipe(name)
    assert isinstance(make_task(made), TASKS[made.task.name])


def test_settings_override_top_level_and_nested_values_and_leave_the_rest() -> None:
    settings = ["seed=7", "optimisation.steps=100", "data.reach=4", "augmentation.noise=0.25", "name=trial"]
    changed = recipe("pocket", settings)
    assert (changed.seed, changed.optimisation.steps, changed.augmentation.noise, changed.name) == (
        7,
        100,
        0.25,
        "trial",
    )
    assert changed.data.reach == 4.0
    assert isinstance(changed.data.reach, float)
    plain = recipe("pocket")
    assert (plain.seed, plain.optimisation.steps) == (1, 16000)
    back = ["seed=1", "optimisation.steps=16000", "data.reach=6", "augmentation.noise=0.5", "name=pocket"]
    assert override(changed, back) == plain


def test_the_last_of_two_settings_of_a_name_counts() -> None:
    assert recipe("pocket", ["seed=2", "seed=3"]).seed == 3


def test_model_settings_are_given_whole_as_json() -> None:
    assert recipe("pocket", ['model_settings={"half": 8}']).model_settings == {"half": 8}


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("steps=100", r"no setting 'steps'; here it has: name, model, .*optimisation, monitor, working_width"),
        ("optimisation.step=100", r"no setting 'optimisation.step'; here it has: steps, batch, crop, learning_rate"),
        ("data.colour=1", r"no setting 'data.colour'; here it has: count, size, reach, seed, misregistration"),
        ("seed.part=1", r"'seed' of 'seed.part' has no parts"),
        ("optimisation.steps=1.5", r"'optimisation.steps' is a int, '1.5' is not one"),
        ("optimisation.steps=many", r"'optimisation.steps' is a int, 'many' is not one"),
        ("optimisation.steps=true", r"'optimisation.steps' is a int, 'true' is not one"),
        ("augmentation.noise=true", r"'augmentation.noise' is a float, 'true' is not one"),
        ("data.reach=", r"'data.reach' is a float, '' is not one"),
        ("optimisation=3", r"'optimisation' is a Optimisation, '3' is not one"),
        ("seed", r"takes name=value, found 'seed'"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_there_is(setting: str, sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        recipe("pocket", [setting])


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DpocketError, match=f"no recipe is called 'poket'; known are: {', '.join(RECIPES)}"):
        recipe("poket")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["optimisation.crop=100"], "'optimisation.crop' is 100; it must be a multiple of 16 up to 'data.size'"),
        (["optimisation.crop=224"], "'optimisation.crop' is 224; .* up to 'data.size', which is 208"),
        (["optimisation.crop=0"], "'optimisation.crop' is 0"),
        (["optimisation.steps=0"], "'optimisation.steps' is 0; it must be 1 at least"),
        (["optimisation.batch=-1"], "'optimisation.batch' is -1"),
        (["data.count=0"], "'data.count' is 0"),
        (["optimisation.parts=3"], "'optimisation.parts' is 3; it must divide 'optimisation.batch', which is 16"),
        (["fresh.scenes=-1"], "'fresh.scenes' is -1.0; it must be 0"),
        (["monitor.log_every=0"], "'monitor.log_every' is 0"),
        (["model=giant"], "no network is called 'giant'"),
        (["model=mono_net", "optimisation.crop=144"], "'optimisation.crop' is 144; it must be a multiple of 32"),
        (["preprocess.box=30"], "'preprocess.box' is 30; it must be odd"),
        (["preprocess.box=401"], "'preprocess.box' is 401; .* less than twice the crop of 160"),
    ],
)
def test_settings_that_cannot_train_are_refused_before_anything_is_rendered(settings: list[str], sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        require_trainable(recipe("pocket", settings))
