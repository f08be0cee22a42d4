# make train        trains softmax regression on MNIST and draws what it learnt; needs no torch
# make test         runs the checks and the quick tests, in minutes
# make test-all     adds the slow tests: the executed book, the site, wheels, browser trainings, a Ray cluster (80 MB to download)
# make site         executes the lesson and builds the site, build/site; with npm
# make fuzz         tries bad input of every kind for SECONDS (60) each; not part of the tests
# make fonts        downloads the fonts that the finder learns from, as root on Debian, with npm; then train with SHUZI_FONTS=fonts
# They need Python 3.11 or newer, as `python3`. The first one makes .venv; `make train` puts only what it needs there,
# and the others add to it. requirements-dev.txt pins every version.

PYTHON ?= python3
BIN := .venv/bin
SECONDS ?= 60
INSTALL := $(BIN)/pip install --quiet --no-compile --constraint requirements-dev.txt

train: .venv/train
	$(BIN)/shuzi train --out runs/softmax --force
	$(BIN)/shuzi show runs/softmax

test: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(MAKE) -j 2 types quick

types:  # takes one core for most of a minute, so the tests begin beside it
	$(BIN)/mypy

quick:
	$(BIN)/pytest -n 2 --dist worksteal

test-all: test .venv/scale
	$(BIN)/pytest -n 2 --dist worksteal -m slow --timeout 900
	$(BIN)/pytest -m scale

fuzz: .venv/dev
	$(BIN)/python fuzz --seconds $(SECONDS)

site: .venv/dev
	$(BIN)/python book/build.py
	$(BIN)/python website/build.py

fonts:
	apt-get install -y --no-install-recommends $$(cat fonts/debian.txt)
	mkdir -p fonts/handwriting
	cd fonts/handwriting && for name in $$(cat ../npm.txt); do \
	  pack=$$(npm pack --silent @fontsource/$$name) && \
	  tar xzf $$pack --strip-components=2 package/files/$$name-latin-400-normal.woff2 && rm $$pack || exit 1; done

.venv/scale: requirements-scale.txt .venv/dev
	$(BIN)/pip install --quiet --requirement requirements-scale.txt
	touch $@

.venv/dev: requirements-dev.txt .venv/train
	@echo 'Installing the tools for development into .venv: 2.3 GB on disk in all, which takes several minutes.'
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@

.venv/train: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "shuzi needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@echo 'Installing shuzi into .venv: 0.15 GB to download, 0.45 GB on disk, a minute or two. MNIST adds 12 MB.'
	$(PYTHON) -m venv .venv
	$(INSTALL) hatchling editables
	$(INSTALL) --no-build-isolation --editable '.[show]'
	touch $@

.PHONY: train test types quick test-all fuzz site fonts
