# make train   trains softmax regression on MNIST and draws what it learnt
# make test    checks and runs all tests
# make book    executes the lesson and builds its site, build/book
# make fuzz    tries bad input of every kind for SECONDS (60) each; not part of the tests
# make fonts   fetches the fonts that the finder learns from, as root on Debian, with npm; then train with SHUZI_FONTS=fonts
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

fonts:
	apt-get install -y --no-install-recommends $$(cat fonts/debian.txt)
	mkdir -p fonts/handwriting
	cd fonts/handwriting && for name in $$(cat ../npm.txt); do \
	  pack=$$(npm pack --silent @fontsource/$$name) && \
	  tar xzf $$pack --strip-components=2 package/files/$$name-latin-400-normal.woff2 && rm $$pack || exit 1; done

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

.PHONY: train test fuzz book fonts test-scale
