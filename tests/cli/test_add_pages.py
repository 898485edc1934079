"""docs/add-*.md: following a page alone adds what it says. The short commands are run in a folder that holds what they use;
all of them, with the build, in a copy of the repository, by ./run test --all."""

import os
import shutil
import subprocess

import pytest
from command import BINARY, DATA, REPOSITORY
from walking import came_out, environment, options_exist, steps_of, walk

PAGES = {path.stem: steps_of(path) for path in sorted((REPOSITORY / "docs").glob("add-*.md"))}
BUILT = ["add-kernel", "add-meter", "add-runtime"]


def is_never_run(step):
    return step.comment.endswith("minutes")


def named(condition):
    return [
        pytest.param(step, id=f"{name}: {step.command[:60]}") for name in PAGES for step in PAGES[name] if condition(step)
    ]


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The short commands of each page in a folder of its own, which looks like the repository's; its data are a copy."""
    done = {}
    for name, steps in PAGES.items():
        folder = tmp_path_factory.mktemp(name)
        for link in ("kernels", "host"):
            (folder / link).symlink_to(REPOSITORY / link)
        shutil.copytree(DATA, folder / "data")
        (folder / "build/release").mkdir(parents=True)
        (folder / "build/release/eie").symlink_to(BINARY)
        done |= walk([step for step in steps if not step.long], folder, environment(folder / "data"))
    return done


def test_each_page_is_there():
    assert list(PAGES) == ["add-device", "add-kernel", "add-layer", "add-meter", "add-runtime"]
    for name, steps in PAGES.items():
        assert any(step.expected for step in steps), name
        assert (name in BUILT) == any(step.command == "./run build" for step in steps), name


@pytest.mark.parametrize("step", named(lambda step: not step.long))
def test_command_prints_what_the_page_says(walked, step):
    came_out(step, walked[step])


@pytest.mark.parametrize("step", named(is_never_run))
def test_options_of_long_commands_exist(step):
    options_exist(step)


@pytest.mark.slow
def test_pages_in_a_copy_of_the_repository(tmp_path):
    """The pages one after the other in one copy of what git has, or would add: each builds what it added."""
    files = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    listed = subprocess.run(files, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file() and not name.startswith("results/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, tmp_path / name)
    variables = environment(tmp_path / "data") | {"CUDACXX": "/nonexistent"}  # half of the build, and no page's
    build = subprocess.run(["./run", "build"], cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert build.returncode == 0, build.stderr
    for name in PAGES:
        steps = [step for step in PAGES[name] if not is_never_run(step)]
        for step, done in walk(steps, tmp_path, variables).items():
            came_out(step, done)
    assert not (REPOSITORY / "kernels/toy").exists() and os.listdir(tmp_path / "kernels/toy") == ["dense.c"]
