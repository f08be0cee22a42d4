# make train   trains softmax regression on MNIST and draws what it learnt
# make test    checks and runs all tests
# make book    executes the lesson and builds its site, build/book
# make fuzz    tries bad input of every kind for SECONDS (60) each; not part of the tests
# make test-scale   tests a Ray cluster that loses processes and machines: 80 MB to fetch, and minutes
# All make .venv first, if it isn't there. They need Python 3.11 or newer, as `python3`.

PYTHON ?= python3
BIN := .venv/bin
SECONDS ?= 60

train: .venv/ready
	$(BIN)/shuzi train --out runs/softmax --force
	$(BIN)/shuzi show runs/softmax

test: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest

fuzz: .venv/ready
	$(BIN)/python fuzz --seconds $(SECONDS)

book: .venv/ready
	$(BIN)/python book/build.py

test-scale: .venv/scale
	$(BIN)/pytest -m scale

.venv/scale: requirements-scale.txt .venv/ready
	$(BIN)/pip install --quiet --requirement requirements-scale.txt
	touch $@

.venv/ready: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "shuzi needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: train test fuzz book test-scale
