# Every suite and every tool of the project has a target here. `make help` lists them.
STAGE   := build/stage
VENV    := build/venv
PYTHON  := $(VENV)/bin/python
CMAKE   := cmake -S . -B build/cmake -G Ninja -DCMAKE_INSTALL_PREFIX=$(CURDIR)/$(STAGE)
SEEDS   ?= 1000
SECONDS_PER_TARGET ?= 5
export PKG_CONFIG_PATH := $(CURDIR)/$(STAGE)/lib/pkgconfig:$(PKG_CONFIG_PATH)

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-all quick lint unit abi examples sim fuzz interop bench asan tsan docs-check clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## install Debian packages and Python packages that are missing
	@.ci/install

build: setup ## build the release library and commands into build/stage
	@echo "== building MeshKit into $(STAGE)"
	@$(CMAKE) > build/cmake.log 2>&1 || { cat build/cmake.log; exit 1; }
	@cmake --build build/cmake
	@cmake --install build/cmake > build/install.log

demo: build ## run a mesh of three processes; KEEP=1 leaves it running until Ctrl-C
	@python3 examples/meshdemo/demo.py --stage $(STAGE) --work build/demo $(if $(KEEP),--keep)

test: setup ## all that must hold before a change is merged (at most 25 minutes on 2 cores)
	@.ci/suites lint unit build abi examples sim interop fuzz demo

test-all: setup ## test, and the slow suites: sanitizers, more seeds, longer fuzzing
	@SEEDS=10000 SECONDS_PER_TARGET=120 .ci/suites lint unit build abi examples sim interop fuzz demo asan tsan

quick: setup ## lint and debug unit tests only
	@.ci/suites lint unit

lint: setup ## check the form of all Swift sources
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests

unit: setup ## debug unit tests, TidyTests among them
	@swift build --build-tests
	@swift test --skip-build

abi: build ## the C header, the exported symbols, and every function with wrong arguments
	@Tests/ABITests/run $(STAGE)

examples: build ## compile and run the C examples, the README's program and the commands of docs/start.md
	@python3 .ci/examples.py --stage $(STAGE) --work build/examples
	@python3 .ci/start.py

sim: build ## SEEDS=1000 seeds of the simulator, release build
	@$(STAGE)/bin/meshsim --seeds $(SEEDS)

fuzz: setup ## SECONDS_PER_TARGET=5 seconds of fuzzing for each decoder
	@Tests/Fuzz/run $(SECONDS_PER_TARGET)

interop: build ## real nodes against aioquic, protobuf, promtool and curl
	@$(PYTHON) Tests/InteropTests/run.py --stage $(STAGE) --work build/interop

bench: build ## print what MeshKit costs on this machine, release build; asserts nothing
	@swift build -c release --product LinkBench
	@python3 Tests/Benchmarks/bench.py $(STAGE) .build/release/LinkBench

asan: setup ## unit tests under the address sanitizer
	@ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --scratch-path build/asan

tsan: setup ## unit tests under the thread sanitizer, optimized
	@swift test -c release -Xswiftc -enable-testing --sanitize=thread --scratch-path build/tsan

docs-check: setup ## links, machine paths and module pages of the documents
	@swift test --filter 'TidyTests.DocumentTests'

clean: ## remove everything that was built
	@rm -rf build .build
