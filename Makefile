# make help lists what there is to do. Needed: Python 3.11 or newer, make, and a network once.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
TESTS := .venv/.tests
SITE := .venv/.site

# Errors alone are shown: what pip warns of does not matter here. Each step says what it brings.
# Nothing is compiled ahead: Python does it with what is imported, when it is, and keeps it. That
# saves a quarter of the time and a fifth of the room. If it were told not to keep it, each of the
# hundreds of processes that the tests start would compile NumPy and the package again.
export PYTHONDONTWRITEBYTECODE :=
PIP := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check
# The build tools are installed once, and not once more for each extra.
INSTALL := $(PIP) --no-build-isolation
BUILD_TOOLS := import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "editables")

# nbval executes each cell of a lesson and compares its stored text. `loadscope` keeps all cells
# of one lesson in one worker, in order, and hands out the unit tests one module at a time.
PYTEST := pytest tests notebooks -p tools.lesson_cost -p tools.lesson_guesses \
	-p tools.lessons_apart --nbval --nbval-current-env --nbval-cell-timeout 120 -n 2 --dist loadscope -q -r fE

# Two workers with as many BLAS threads as there are processors each would fight for them, and
# small matrix products would be several times slower. One thread each is the quickest.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1

LAB_OPTIONS :=
ifeq ($(shell uname -s),Linux)
ifeq ($(DISPLAY)$(WAYLAND_DISPLAY),)
# No screen: JupyterLab prints the address to open.
LAB_OPTIONS += --no-browser
endif
endif
ifeq ($(shell id -u),0)
LAB_OPTIONS += --allow-root
endif

.PHONY: help lab test thorough test-frameworks test-matrix mutation notebooks exercises soak bench \
	class site site-check book alone try-it browser address clean

help:
	@echo "make lab                 install (once), copy the course to my_course, open it in JupyterLab"
	@echo "make test                style, unit tests, and every lesson executed and compared"
	@echo "make thorough            more cases of what \`make test\` tries, three times the odd arguments (5 minutes)"
	@echo "make test-frameworks     the same functions beside PyTorch and JAX (large; an extra)"
	@echo "make test-matrix         the tests as on other processors and versions (an hour, if all is new)"
	@echo "make mutation            do the tests notice changes in the package? (half an hour)"
	@echo "make notebooks           format and execute the lessons, store their outputs"
	@echo "make notebooks ONLY=02   ... one lesson only (for the two above: ONLY=Zen, ONLY=losses)"
	@echo "make exercises           derive the student edition and its list from the solutions"
	@echo "make soak                50 runs of every exercise's check, 100 of the practice set's (half an hour)"
	@echo "make bench               how fast it is, beside everyone else (large; an extra)"
	@echo "make class               grade a simulated class, damaged files and attacks included"
	@echo "make site                the website, in build/site: every lesson and page, to be read offline"
	@echo "make book                one EPUB and one PDF of it, in build/book"
	@echo "make alone               each lesson alone in an empty folder, out of the built wheel"
	@echo "make try-it              what each lesson's *Try it* promises, done in its kernel"
	@echo "make browser             lessons and sets in JupyterLab in Chromium (an extra)"
	@echo "make site-check          ... and its accessibility, each page in light and dark (needs Chromium)"
	@echo "make address URL=...     write the repository's public address into all links"
	@echo "make clean               remove the environment and caches; what you have written stays"
	@echo
	@echo "make lab PYTHON=python3.12 makes the environment with that Python."

# The stamp is newer than pyproject.toml exactly when what it asks for is installed.
$(STAMP): pyproject.toml
	@test -x $(BIN)/python || command -v $(PYTHON) >/dev/null || { \
		echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name it:"; \
		echo "    make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is `$(PYTHON) --version 2>&1`, but Python 3.11 or newer is needed."; \
		echo "If you have one under another name: make PYTHON=python3.12"; exit 1; }
	@echo "Installing into .venv: 350 MB and some minutes, once and when pyproject.toml changes."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "The environment could not be made. On Debian and Ubuntu: apt install python3-venv"; \
		exit 1; }
	@echo "  1 of 3: this package, with NumPy and Matplotlib ..."
	@# The pip that comes with Python 3.11 takes twice as long for all that follows.
	@$(PIP) --upgrade pip
	@$(PIP) $$($(BIN)/python -c '$(BUILD_TOOLS)')
	@$(INSTALL) -e .
	@echo "  2 of 3: JupyterLab, the largest part ..."
	@$(INSTALL) -e '.[lab,cluster]'
	@echo "  3 of 3: its settings ..."
	@# No pop-up that asks for news; what the command says about locking does not matter here.
	@$(BIN)/jupyter labextension disable "@jupyterlab/apputils-extension:announcements" 2>/dev/null
	@touch $@

# What tests and contributors need, and learners do not.
$(TESTS): $(STAMP)
	@echo "Installing what the tests need into .venv: SciPy, scikit-learn, pytest and others,"
	@echo "nbgrader, and repo2docker, which shows what Binder would do: 300 MB more ..."
	@$(INSTALL) -e '.[lab,test,binder,teach]'
	@touch $@

$(SITE): $(STAMP)
	@echo "Installing Sphinx and what the website needs into .venv: 50 MB more ..."
	@$(INSTALL) -e '.[lab,site]'
	@touch $@

# A copy to work in, never written over, so that nothing a learner does touches the stored lessons.
FOLDER := my_course
lab: $(STAMP)
	@$(ONE_THREAD) $(BIN)/nnfromscratch lab "$(FOLDER)" -- $(LAB_OPTIONS)

test: $(TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(ONE_THREAD) $(BIN)/python -m $(PYTEST)
	@$(BIN)/python tools/notebooks.py --count
	@echo "All tests passed."

# A marked case is one more of a kind that `make test` tries already; see tests/sampling.py.
thorough: $(TESTS)
	$(ONE_THREAD) $(BIN)/python -m pytest tests -m thorough -p tools.thorough -n 2 --dist worksteal -q -r fE

# A plain torch is the CUDA build on Linux, several gigabytes: TORCH names a smaller one.
TORCH := torch>=2.6
test-frameworks: $(TESTS)
	$(INSTALL) '$(TORCH)' -e '.[frameworks]'
	$(BIN)/python -m pytest tests/test_frameworks.py -q -r s

bench: $(TESTS)
	$(INSTALL) '$(TORCH)' -e '.[bench]'
	$(BIN)/python benchmarks/speed.py

test-matrix: $(TESTS)
	$(BIN)/python -m tools.matrix $(ONLY)

mutation: $(TESTS)
	$(INSTALL) -e '.[mutation]'
	$(ONE_THREAD) $(BIN)/python tools/mutation.py $(ONLY)

notebooks: $(TESTS)
	$(BIN)/ruff format --quiet notebooks
	$(BIN)/python tools/notebooks.py $(ONLY)

exercises: $(TESTS)
	$(BIN)/nnfromscratch exercises
	$(BIN)/python tools/exercises.py list

soak: $(TESTS)
	$(ONE_THREAD) $(BIN)/python tools/exercises.py soak
	$(ONE_THREAD) $(BIN)/python tools/exercises.py soak --practice

class: $(TESTS)
	$(BIN)/python -m benchmarks.class class

site: $(SITE)
	$(BIN)/python -m tools.website

book: $(SITE)
	$(BIN)/python -m tools.book

alone: $(TESTS)
	$(INSTALL) 'papermill>=2.6'
	$(ONE_THREAD) $(BIN)/python -m tools.alone $(ONLY)

try-it: $(TESTS)
	$(ONE_THREAD) $(BIN)/python tools/try_it.py $(ONLY)

browser: $(TESTS)
	$(INSTALL) -e '.[browser]'
	$(ONE_THREAD) $(BIN)/python -m tools.browser $(ONLY)

site-check: site
	$(INSTALL) -e '.[site-check]'
	$(BIN)/python -m tools.website_check $(ONLY)

address: $(STAMP)
	$(BIN)/python tools/address.py $(URL)

# Not .ipynb_checkpoints: they hold the last saved state of what a learner has written.
clean:
	rm -rf .venv .matrix build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -type d -name __pycache__ -prune -exec rm -rf {} +
