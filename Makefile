# What a newcomer and a developer need. `make help` lists it.
PYTHON ?= python3
DEV := .venv
DEMO := .venv-demo
LOWEST := .venv-lowest
HIGHEST := .venv-highest
FAST := .venv-fast
DOCS := .venv-docs
PACKAGE := $(shell find src -type f -not -name '*.pyc')

.DEFAULT_GOAL := help
.PHONY: help demo web test test-fast lowest highest fuzz faults docs page strict lint int8 bench format clean

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## /  make \1\t/'

demo: $(DEMO)/.installed  ## lift the clip that ships with hourlift; results in demo/
	$(DEMO)/bin/hourlift demo

web: src/hourlift/web/index.html  ## build the page of `hourlift serve` into the package; needs Node.js 20

test: lint page  ## run lint and all tests; those of the page where there are Node.js and Chromium
	$(DEV)/bin/python -m pytest

# The development environment where there is one, else a small one without PyTorch, of which these tests need nothing.
FAST_PYTHON := $(or $(wildcard $(DEV)/.installed),$(FAST)/.installed)
FAST_TESTS := tests/test_pose.py tests/test_pose_log.py tests/geometry tests/metrics tests/formats tests/weights \
	tests/pipeline tests/view tests/lifter/test_normalize.py tests/hourglass/test_heatmap.py tests/predict/test_joints.py \
	tests/predict/test_images.py tests/predict/test_predictor.py tests/cli/test_main.py tests/cli/test_models.py
NOT_FAST := --ignore tests/view/test_page_in_browser.py --ignore tests/formats/test_blocks.py -k "not memory_hardly and not goes_wrong_in_a_child"
test-fast: $(FAST_PYTHON)  ## run the tests of geometry, formats and prediction that take less than a minute in all
	$(dir $(FAST_PYTHON))bin/python -m pytest --quiet $(FAST_TESTS) $(NOT_FAST)

OF_VERSIONS := tests/predict/test_images.py tests/predict/test_video.py tests/predict/test_runtime.py \
	tests/predict/test_precision.py tests/cli/test_main.py tests/cli/test_demo.py tests/end_to_end/test_predict_command.py
LOWEST_VERSIONS = $(shell sed -n '/^dependencies/,/^]/s/.*"\(.*\)>=\(.*\)".*/\1==\2.*/p' pyproject.toml)
lowest: $(LOWEST)/.installed  ## run some tests with the lowest versions that hourlift takes
	$(LOWEST)/bin/python -m pytest $(OF_VERSIONS)

highest:  ## run the same tests with the newest versions there are, in a fresh environment
	rm -rf $(HIGHEST)
	$(PYTHON) -m venv $(HIGHEST)
	$(HIGHEST)/bin/pip install --quiet --upgrade -e ".[formats,track]" onnx psutil pytest
	$(HIGHEST)/bin/pip list
	$(HIGHEST)/bin/python -m pytest $(OF_VERSIONS)

fuzz: $(DEV)/.installed  ## read thousands of broken files of every kind; a few are read by `make test`, too
	HOURLIFT_FUZZ_ROUNDS=3000 $(DEV)/bin/python -m pytest tests/fuzz

faults: $(DEV)/.installed  ## kill every command a hundred times, and the other faults; a few of them in `make test`, too
	HOURLIFT_KILLS=100 $(DEV)/bin/python -m pytest tests/faults

DOCS_PACKAGES = $(shell sed -n 's/^docs = \[\(.*\)\]/\1/p' pyproject.toml | tr -d ',')
docs: $(DOCS)/.installed  ## build the site of the documentation into site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict  # with --quiet it would not count warnings

page:
	@if ! command -v npm > /dev/null; then echo "no Node.js: the page's tests are skipped"; \
	elif ! $(MAKE) --silent web/node_modules/.installed; then echo "no packages of npm: the page's tests are skipped"; \
	else $(MAKE) --silent web; fi

strict: $(DEV)/.installed  ## run all tests; files, sockets and processes left open are errors, too
	$(DEV)/bin/python -X dev -m pytest -W error::ResourceWarning -W error::pytest.PytestUnraisableExceptionWarning \
		-W error::pytest.PytestUnhandledThreadExceptionWarning

lint: $(DEV)/.installed  ## check style, format, types and the dependency rule
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports
	$(DEV)/bin/python tools/draw_layers.py --check
	$(DEV)/bin/python tools/check_sizes.py

WEIGHTS := src/hourlift/weights
int8: $(DEV)/.installed  ## make the 8-bit twins of the shipped networks again, after a change of them
	$(DEV)/bin/hourlift quantise $(WEIGHTS)/hourglass-fast.onnx --manifest $(WEIGHTS)/manifest.json
	$(DEV)/bin/hourlift quantise $(WEIGHTS)/hourglass-accurate.onnx --manifest $(WEIGHTS)/manifest.json
	$(DEV)/bin/hourlift quantise $(WEIGHTS)/lifter.onnx --manifest $(WEIGHTS)/manifest.json

BENCH := PYTHONPATH=benchmarks OMP_NUM_THREADS=1 $(DEV)/bin/python benchmarks
RESULTS := benchmarks/results
bench: $(DEV)/.installed  ## measure speed; tables here, JSON and plots in benchmarks/results; takes a quarter of an hour
	$(BENCH)/precision.py --save $(RESULTS)/precision.json
	$(BENCH)/precision.py --public --rounds 8 --inner 1 --save $(RESULTS)/precision-public.json
	$(BENCH)/video.py --save $(RESULTS)/video.json
	$(BENCH)/length.py --save $(RESULTS)/length.json
	$(BENCH)/lifter.py --save $(RESULTS)/lifter.json
	$(BENCH)/training.py --save $(RESULTS)/training.json
	$(BENCH)/growth.py --save $(RESULTS)/growth.json --plot $(RESULTS)/growth.png

format: $(DEV)/.installed  ## let ruff fix style and format
	$(DEV)/bin/ruff check --fix
	$(DEV)/bin/ruff format

clean:  ## remove environments, caches and the demo's results
	rm -rf $(DEV) $(DEMO) $(LOWEST) $(HIGHEST) $(FAST) $(DOCS) demo dist site src/hourlift/web web/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp files stand for a finished installation: pip runs again only after what it depends on has changed.
$(DEV)/.installed: pyproject.toml constraints.txt
	test -x $(DEV)/bin/python || $(PYTHON) -m venv $(DEV)
	$(DEV)/bin/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

$(DEMO)/.installed: pyproject.toml $(PACKAGE)
	test -x $(DEMO)/bin/python || $(PYTHON) -m venv $(DEMO)
	$(if $(wildcard src/hourlift/web/index.html),,HOURLIFT_WITHOUT_PAGE=1) $(DEMO)/bin/pip install --quiet .
	touch $@

$(FAST)/.installed: pyproject.toml constraints.txt
	test -x $(FAST)/bin/python || $(PYTHON) -m venv $(FAST)
	$(FAST)/bin/pip install --quiet -c constraints.txt -e ".[track,formats,plots]" bvhio onnx pandas psutil pycocotools pygltflib pytest
	touch $@

# The site reads the source, it does not run it: so it needs none of what hourlift depends on.
$(DOCS)/.installed: pyproject.toml constraints.txt
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet -c constraints.txt $(DOCS_PACKAGES)
	touch $@

$(LOWEST)/.installed: pyproject.toml
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet -e ".[formats,track]" $(LOWEST_VERSIONS) onnx psutil pytest
	touch $@

web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

src/hourlift/web/index.html: web/node_modules/.installed $(shell find web/src web/public web/tests -type f) web/index.html web/vite.config.ts src/hourlift/view/theme.css
	cd web && npm test && npm run build
	touch $@
