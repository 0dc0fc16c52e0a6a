# Lint: the rules of STYLE that a machine can check.  See tools/lint/run.
.PHONY: lint run-lint
lint: ## format, warnings, symbols, headers, forbidden calls, thread safety, layers (CHECK=name)
	@tools/install-deps.sh build lint
	@$(MAKE) --no-print-directory run-lint
run-lint: all
	$(Q)B='$(B)' CPPFLAGS='$(KW_CPPFLAGS)' WARNINGS='$(WARNINGS)' tools/lint/run $(CHECK)
