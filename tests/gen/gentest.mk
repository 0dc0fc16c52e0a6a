# SPDX-License-Identifier: Apache-2.0
# What the generator makes of tests/gen/good is compiled into a test of its own.
EXPECTED = tests/gen/expected/src/data/all_types.c tests/gen/expected/src/describe/all_types.c \
	tests/gen/expected/src/client/ping.c tests/gen/expected/src/server/ping.c
$(call objects,$(EXPECTED)): KW_CPPFLAGS := -Itests/gen/expected/include $(KW_CPPFLAGS)
$(B)/tests/unit/test_all_types: $(call objects,$(EXPECTED))
$(B)/tests/unit/test_messages: $(B)/obj/tests/conformance/messages.o

.PHONY: gen-test
gen-test: $(BUILD)/kwire-gen ## the generator's golden files, bad schemas included
	$(Q)tests/gen/run $(BUILD)/kwire-gen
gen-check: gen-test
