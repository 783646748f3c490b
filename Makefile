.DEFAULT_GOAL := help
.PHONY: help setup packages demo test test-long fuzz test-vm lint architecture bench bench-vm install uninstall clean

# Made anew when what rcmd needs has changed.
READY := .venv/.ready

help: ## say what can be made
	@echo "make TARGET, each one alone, also from a fresh clone:"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile

# What need not even be collected.
WITHOUT = $(foreach room,$(1),--ignore=tests/$(room))
PURE := -q -n 2 --dist worksteal $(call WITHOUT,lab vm bench)
KERNEL := -q -n 4 --dist worksteal \
	$(call WITHOUT,stories ipmp rcm configuration ctl vm bench fuzz test_architecture.py)

setup: $(READY) ## install what is needed; rcmd, rcmctl and rcmd-lab are in .venv/bin then

demo: $(READY) ## play the whole story on a virtual host (as root; touches nothing outside it)
	@.ci/as-root .venv/bin/rcmd-lab demo

test: lint ## check the style and run the tests (those on a real kernel need root)
	@echo "the tests of the bus, on dbus-fast:"
	@RCMD_BUS_LIBRARY=dbus-fast .ci/run-tests -q -n 2 --dist worksteal -m "not bench" tests/bus
	@echo "every test that needs no kernel of its own:"
	@.ci/run-tests $(PURE) -m "not lab and not bench and not fuzz"
	@echo "every test on a real kernel, which mostly wait:"
	@.ci/run-tests $(KERNEL) -m "lab and not long"

test-long: $(READY) ## the tests that take minutes: long ones on a real kernel, weeks of virtual time
	@.ci/run-tests $(KERNEL) -m "lab and long"
	@.ci/run-tests -q -n 2 --dist loadscope -m bench tests/stories tests/ipmp
	@echo "the properties and walks, on examples that nobody has tried:"
	@RCMD_RANDOM=1 .ci/run-tests -q -n 2 --dist loadscope -m "not bench and not lab" \
		tests/bus tests/configuration tests/ipmp tests/rcm tests/stories tests/system

fuzz: $(READY) ## a minute of odd inputs (RCMD_FUZZ_SECONDS=, RCMD_FUZZ_SEED=)
	@.venv/bin/pytest -q -m fuzz --show-capture=no tests/fuzz

lint: $(READY) ## check the style and the types
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy --no-error-summary

architecture: $(READY) ## count files, folders and imports, and draw docs/architecture.svg
	@.venv/bin/python tests/architecture.py

bench: $(READY) ## measure (as root); ends with the table of figures
	@.ci/run-tests -q -m bench tests/bench tests/bus

test-vm: $(READY) ## test with real PCIe hotplug in a QEMU guest (as root; VM_TESTS= selects)
	@.ci/test-vm -q -m "vm and not bench" $(or $(VM_TESTS),tests/vm)

bench-vm: $(READY) ## compare with bonding and teamd in that guest (as root; forty minutes)
	@.ci/test-vm -q -m "vm and bench" tests/vm

install: $(READY) ## put it into the system (DESTDIR=, PREFIX=/usr)
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" .ci/install install

uninstall: ## take it out of the system again; the configuration stays
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" .ci/install uninstall

clean: ## remove everything that was made, .venv included
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@.ci/install-packages

# The packages are looked at each time, .venv is made only when it has to be.
$(READY): pyproject.toml .ci/make-venv | packages
	@.ci/make-venv
	@touch $@
