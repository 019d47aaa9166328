.PHONY: check test docs pythons lowest quickstart lock

check:  ## style and types
	uv run ruff check .
	uv run ruff format --check .
	uv run mypy
	uv run mypy --config-file tests/mypy.ini tests

test:  ## everything that is offline and quick, in two processes
	uv run pytest -n 2 --dist loadgroup

docs:  ## the site, into site/: open site/index.html
	uv run --group docs mkdocs build --strict

pythons:  ## the same on every Python that is supported
	for version in 3.11 3.12 3.13; do UV_PROJECT_ENVIRONMENT=.venv-$$version uv run --python $$version pytest || exit 1; done

lowest:  ## the same with the oldest versions that pyproject.toml accepts
	uv venv --quiet --clear --python 3.11 .venv-lowest
	uv pip install --quiet --python .venv-lowest --resolution lowest-direct --group dev --editable '.[train]'
	.venv-lowest/bin/python -m pytest

quickstart:  ## synthetic faces to report in two minutes
	uv run fer-train experiment=quickstart

lock:  ## requirements.lock for pip users, from the resolution that exclude-newer fixes
	(sed -n 's/^exclude-newer/# &/p' pyproject.toml && uv export --quiet --no-emit-project --extra train --no-default-groups --no-header --format requirements-txt) > requirements.lock
