# SPDX-License-Identifier: Apache-2.0
# The benchmark: docs/benchmarks.md.
#   make bench [BENCH_ROWS=call,codec] [BENCH_ROUNDS=7]
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))

# librdkafka is measured beside where it is installed: tools/install-deps.sh bench
BENCH_RDKAFKA := $(if $(wildcard /usr/include/librdkafka/rdkafka.h /usr/local/include/librdkafka/rdkafka.h),1)

.PHONY: bench bench-check bench-pictures
$(B)/bench: $(call objects,$(BENCH_SRC)) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(link) $(TOOL_LIBS) $(if $(BENCH_RDKAFKA),-lrdkafka)
# Every copy passes by tests/bench/copies.c, which counts for two rows.
$(B)/bench: KW_LDFLAGS += -Wl,--wrap=memcpy -Wl,--wrap=memmove
$(call objects,$(BENCH_SRC)): KW_CPPFLAGS += -D_GNU_SOURCE -DBENCH_RDKAFKA=$(or $(BENCH_RDKAFKA),0)
BENCH_RUN = $(B)/bench --excuses tests/bench/excuses --json $(B)/bench.json
bench: $(B)/bench ## the benchmark table (BENCH_ROWS=beginnings of names)
	$(Q)$(BENCH_RUN)
bench-check: $(B)/bench ## the same; exit 1 when a row misses its goal without an excuse
	$(Q)$(BENCH_RUN) --check
bench-pictures: ## docs/benchmarks/*.svg of the last whole run
	$(Q)tests/bench/pictures $(B)/bench.json docs/benchmarks
