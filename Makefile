# make            build everything into build/ (the command is build/weir)
# make demo       install what is missing, build, show weir at work on loopback
# make test       install what is missing, build, run every test
# make fuzz       fuzz for MINUTES=30, all targets or TARGET=tcp, with ASan and UBSan or SANITIZER=memory; what it finds, and what
#                 the corpus covers
# make sim        networks by seeds for MINUTES (10): build/weir sim, saves included; failing seeds leave packets in build/sim
# make check      only the source checks (layers, purity, globals)
# make bench      weir beside the kernel, lwIP and gVisor: [ONLY=row] [RUNS=5] [JSON=file] [SVG=file]
# make faults     every unit test with each of its allocations failing in turn; ONLY=PATTERN; wants `make test` before
# make install    into $(DESTDIR)$(PREFIX); the library into LIBDIR, lib unless given
BUILD  ?= build
PREFIX ?= /usr/local
LIBDIR ?= lib

.PHONY: all demo test fuzz bench sim check install clean
all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

# A new room is a new meson.build, which ninja alone would not see.
$(BUILD)/build.ninja: $(wildcard meson.build */meson.build src/*/meson.build test/unit/*/meson.build)
	@tools/setup --check build
	@meson setup $(if $(wildcard $(BUILD)/build.ninja),--reconfigure,--prefix=$(PREFIX) --libdir=$(LIBDIR)) $(BUILD)
	@touch $@

demo:
	@tools/setup build demo
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)/weir

test:
	@tools/setup build demo test
	@tools/run-tests $(if $(ONLY),--only '$(ONLY)')

fuzz:
	@tools/setup build fuzz
	@test/fuzz/run --minutes $(or $(MINUTES),30) $(addprefix --target ,$(TARGET)) $(if $(SANITIZER),--sanitizer $(SANITIZER))

sim: all
	@mkdir -p $(BUILD)/sim
	$(BUILD)/weir sim --seeds 1-1000 --save-points 10 --jobs $$(nproc) --pcap-dir $(BUILD)/sim
	$(BUILD)/weir sim --seeds 1001-2000 --minutes $(or $(MINUTES),10) --jobs $$(nproc) --pcap-dir $(BUILD)/sim --json $(BUILD)/sim/results.json

check: all
	@tools/run-tests --only 'check/*'

bench:
	@tools/setup build bench
	@bench/run $(if $(ONLY),--only '$(ONLY)') $(if $(RUNS),--runs $(RUNS)) $(if $(JSON),--json '$(JSON)') $(if $(SVG),--svg '$(SVG)')

faults:
	@test/fault/run $(if $(ONLY),--only '$(ONLY)')

install: all
	meson configure --prefix=$(PREFIX) --libdir=$(LIBDIR) $(BUILD)
	DESTDIR='$(DESTDIR)' meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-clang build-san build-fuzz build-fuzz-memory build-fuzz-cover build-determinism
