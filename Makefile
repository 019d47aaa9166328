.PHONY: check test quickstart lock

check:  ## style and types
	uv run ruff check .
	uv run ruff format --check .
	uv run mypy

test:  ## everything that is offline and quick
	uv run pytest

quickstart:  ## drawn faces to report in two minutes
	uv run fer-train experiment=quickstart

lock:  ## requirements.lock for pip users, from the resolution that exclude-newer fixes
	uv export --quiet --no-emit-project --extra train --no-default-groups --no-header --format requirements-txt --output-file requirements.lock
