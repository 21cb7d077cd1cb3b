# Every suite and every tool of the project has a target here. `make help` lists them.
STAGE   := build/stage
VENV    := build/venv
PYTHON  := $(VENV)/bin/python
CMAKE   := cmake -S . -B build/cmake -G Ninja -DCMAKE_INSTALL_PREFIX=$(CURDIR)/$(STAGE)
SEEDS   ?= 300
JOBS    ?= $(shell nproc)
SECONDS_TOTAL ?= 600
TASKS   ?= 20000
# Suites called ProcessTests count the descriptors and threads of their process, which must have no other tests in it.
TOGETHER := --skip '\.ProcessTests/'
ALONE    := --no-parallel --filter '\.ProcessTests/'
export PKG_CONFIG_PATH := $(CURDIR)/$(STAGE)/lib/pkgconfig:$(PKG_CONFIG_PATH)

.DEFAULT_GOAL := help
.PHONY: help setup build demo demo-tasks test test-all quick lint unit abi examples sim night fuzz interop bench bench-membership bench-http bench-tasks asan tsan docs-check clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' Makefile

setup: ## install Debian packages and Python packages that are missing; BROWSER=1 installs Chromium too
	@.ci/install

build: setup ## build the release library and commands into build/stage
	@echo "== building MeshKit into $(STAGE)"
	@$(CMAKE) > build/cmake.log 2>&1 || { cat build/cmake.log; exit 1; }
	@cmake --build build/cmake
	@cmake --install build/cmake > build/install.log

demo: build ## run a mesh of three processes; KEEP=1 leaves it running until Ctrl-C, UDP=blocked drops UDP
	@$(if $(filter blocked,$(UDP)),.ci/without-udp )python3 examples/meshdemo/demo.py --stage $(STAGE) --work build/demo $(if $(KEEP),--keep)

demo-tasks: build ## run producers and consumers, some of them broken, on one lease queue, and count every task; TASKS=20000
	@mkdir -p build/demo-tasks
	@cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread examples/taskdemo/demo.c -o build/demo-tasks/demo \
	  $$(pkg-config --cflags --libs meshkit) -Wl,-rpath,$(CURDIR)/$(STAGE)/lib
	@build/demo-tasks/demo $(TASKS)

test: setup ## all that must hold before a change is merged (at most 25 minutes on 2 cores)
	@SECONDS_TOTAL=60 .ci/suites lint unit+build abi examples sim interop+fuzz demo demo-tasks

# Chromium is installed for this target alone: docs/decisions/0020-a-browser-for-test-all.md
test-all: export BROWSER := 1
test-all: setup ## test, and the slow suites: a browser, sanitizers, more seeds, longer fuzzing
	@SEEDS=10000 SECONDS_TOTAL=1800 .ci/suites lint unit+build abi examples sim interop+fuzz demo demo-tasks asan tsan

quick: setup ## lint and debug unit tests only
	@.ci/suites lint unit

lint: setup ## check the form of all Swift sources
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests

unit: setup ## debug unit tests, TidyTests among them
	@swift build --build-tests
	@.ci/unit.py

abi: build ## the C header, the exported symbols, and every function with wrong arguments
	@Tests/ABITests/run $(STAGE)

examples: build ## compile and run the C examples, the README's program and the commands of docs/start.md
	@python3 .ci/examples.py --stage $(STAGE) --work build/examples
	@python3 .ci/start.py

sim: build ## SEEDS=300 seeds of the simulator with 3 to 30 nodes, some with up to 64, release build; from 10000 on also 200 and 1,000 nodes, and 5,000 without faults; and as many seeds of the simulated lease queue
	@$(STAGE)/bin/meshsim --seeds $(SEEDS) --jobs $(JOBS)
	@$(STAGE)/bin/meshsim queues --seeds $(SEEDS)
	@if [ $(SEEDS) -ge 10000 ]; then for nodes in "200" "1000" "5000 --profile calm"; do \
	  $(STAGE)/bin/meshsim --nodes $$nodes --quick || exit 1; done; fi

night: build ## seeds of the simulator from a random one on, until Ctrl-C or a failure
	@seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); while :; do \
	  echo "== from seed $$seed"; $(STAGE)/bin/meshsim --seed $$seed --seeds 1000 --jobs $(JOBS) || exit 1; \
	  $(STAGE)/bin/meshsim queues --seed $$seed --seeds 1000 || exit 1; \
	  seed=$$((seed + 1000)); done

fuzz: setup ## SECONDS_TOTAL=600 seconds of fuzzing, shared by all decoders and the rooms
	@Tests/Fuzz/run --total $(SECONDS_TOTAL)

interop: build ## real nodes against aioquic, grpcio, protobuf, Prometheus and curl; BROWSER=1 adds Chromium
	@$(PYTHON) Tests/InteropTests/run.py --stage $(STAGE) --work build/interop $(if $(BROWSER),--browser)

bench: build ## print what MeshKit costs on this machine, release build; asserts nothing
	@swift build -c release --product LinkBench
	@python3 Tests/Benchmarks/bench.py $(STAGE) .build/release/LinkBench

bench-membership: build ## print how fast the membership is and what it costs; MEMBERSHIP="--help" tells how to run a part
	@python3 -B Tests/Benchmarks/membership.py $(STAGE) $(MEMBERSHIP)

bench-http: build ## print what the HTTP listener of a node takes, beside nginx and nghttpd; HTTP="--help" tells how to run a part
	@python3 -B Tests/Benchmarks/http_bench.py $(STAGE) $(HTTP)

bench-tasks: build ## print what lease queues take, beside beanstalkd and Redis; QUEUES="--help" tells how to run a part
	@python3 -B Tests/Benchmarks/task_bench.py $(STAGE) $(QUEUES)

asan: setup ## unit tests under the address sanitizer
	@ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --scratch-path build/asan $(TOGETHER)
	@ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=address --scratch-path build/asan $(ALONE)

# The file says which reports are the toolchain's.
tsan: export TSAN_OPTIONS := suppressions=$(CURDIR)/.ci/tsan.supp
tsan: setup ## unit tests, and C tests of many threads, under the thread sanitizer, optimized
	@swift test -c release -Xswiftc -enable-testing --sanitize=thread --scratch-path build/tsan $(TOGETHER)
	@swift test -c release -Xswiftc -enable-testing --sanitize=thread --scratch-path build/tsan $(ALONE)
	@swift build -c release -Xswiftc -enable-testing --sanitize=thread --scratch-path build/tsan --product meshkit
	@Tests/ABITests/race build/tsan/release

docs-check: setup ## links, machine paths and module pages of the documents
	@swift test --filter 'TidyTests.DocumentTests'

clean: ## remove everything that was built
	@rm -rf build .build
