# Line coverage of `make test`, by directory.
.PHONY: coverage
coverage: deps ## which lines `make test` runs, by directory
	@tools/install-deps.sh coverage
	@find $(BUILD)/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage run-tests
	@tools/coverage/report $(BUILD)/coverage
