# Two commands do everything on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint slow docs clean

demo: .venv/ready
	@$(BIN)/wellgate run recipes/demo-cpu.yaml; code=$$?; \
	if [ $$code -eq 3 ]; then \
	  echo; echo "The gate refused the export, with its reasons above (exit code 3). For a 135M model tuned for minutes that is the"; \
	  echo "expected, honest outcome: the demo is complete. Nothing was exported; the card is a preview stamped NOT EXPORTED."; \
	elif [ $$code -ne 0 ]; then exit $$code; fi

test: .venv/ready-dev
	$(BIN)/python -m pytest -n 2

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

slow: .venv/ready-slow
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest tests/train/test_lora.py tests/train/test_private.py tests/train/test_trackers.py

docs: .venv/ready-dev
	$(BIN)/python scripts/make_docs.py

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

# Packages of QLoRA, differential privacy and trackio, for the slow tier alone: peft imports bitsandbytes wherever it is
# installed. Three files of the default tier have tests that only run where they are.
.venv/ready-slow: .venv/ready-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,qlora,private,trackio]"
	@touch $@

clean:
	rm -rf .venv runs build *.egg-info
