"""docs/tour.md: what takes no more than some seconds is run as it stands there, and compared with what stands below it by
the page's own rule; of all else the options are looked up in the verb's help."""

import pytest
from command import BINARY, DATA, REPOSITORY
from walking import came_out, environment, matches, options_exist, steps_of, walk

PAGE = REPOSITORY / "docs/tour.md"
TASKS = [
    "Judge a machine",
    "Check the paper",
    "Guard a branch",
    "Compress my layer",
    "Choose a kernel",
]
STEPS = steps_of(PAGE)
SHORT = [step for step in STEPS if not step.long]
LONG = [step for step in STEPS if step.long]


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """All short commands of the page, one after the other, in a folder that looks like the repository's."""
    folder = tmp_path_factory.mktemp("tour")
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/eie").symlink_to(BINARY)
    return walk(SHORT, folder, environment(DATA))


def test_each_task_is_there_and_has_something_that_is_run():
    assert list(dict.fromkeys(step.task for step in STEPS)) == TASKS
    assert {step.task for step in SHORT} == set(TASKS)
    assert len(SHORT) > 9 and sum(bool(step.expected) for step in SHORT) > 7


@pytest.mark.parametrize("step", SHORT, ids=[step.command for step in SHORT])
def test_command_prints_what_the_page_says(walked, step):
    came_out(step, walked[step])


def test_readme_shows_what_is_printed(tmp_path):
    """The advice that README.md shows is read off a map of this repository, so it is the same everywhere."""
    (step,) = [step for step in steps_of(REPOSITORY / "README.md") if " advise " in step.command]
    step.command = step.command.replace("./run eie", str(BINARY)).replace("results/", f"{REPOSITORY}/results/")
    done = walk([step], tmp_path, environment(DATA))[step]
    came_out(step, done)
    numbers = [word for line in step.expected for word in line.split() if word.replace(".", "").isdigit()]
    assert len(numbers) > 15 and set(numbers) <= set(done.stdout.split())  # to the last digit


@pytest.mark.parametrize("step", LONG, ids=[step.command for step in LONG])
def test_options_of_long_commands_exist(step):
    options_exist(step)


@pytest.mark.parametrize(
    "expected, printed",
    [
        (["a 1.5 b"], ["a   27,000 b"]),
        (["1 x"], ["-3e-05 x"]),
        (["... end"], ["anything at all end"]),
        (["a", "...", "z"], ["a", "b", "c", "z"]),
        (["a", "...", "z"], ["a", "z"]),
        (["5.7x +-2 %"], ["12x +-0.5 %"]),
        (["avx2_float 12"], ["avx2_float 7"]),
    ],
)
def test_rule_takes(expected, printed):
    assert matches(expected, printed)


@pytest.mark.parametrize(
    "expected, printed",
    [
        (["a 1.5 b"], ["a x b"]),
        (["a 1.5 b"], ["a 1.5 c"]),
        (["avx2_float"], ["avx512_float"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["a"]),
        (["a", "...", "z"], ["a", "b"]),
        (["1 ok"], ["1 mismatch"]),
        (["1.2"], ["1.2.3"]),
        ([], ["a"]),
    ],
)
def test_rule_refuses(expected, printed):
    assert not matches(expected, printed)
