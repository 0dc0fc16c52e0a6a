# SPDX-License-Identifier: Apache-2.0
# The benchmark: docs/benchmarks.md.
#   make bench [BENCH_ROWS=call,codec] [BENCH_ROUNDS=7]
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))

.PHONY: bench bench-check
$(B)/bench: $(call objects,$(BENCH_SRC)) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(link) $(TOOL_LIBS)
$(call objects,$(BENCH_SRC)): KW_CPPFLAGS += -D_GNU_SOURCE
bench: $(B)/bench ## the benchmark table (BENCH_ROWS=beginnings of names)
	$(Q)$(B)/bench --json $(B)/bench.json
bench-check: $(B)/bench ## the same; exit 1 when a row misses its goal without an excuse
	$(Q)$(B)/bench --json $(B)/bench.json --check
