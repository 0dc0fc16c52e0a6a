# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets: each tests/fuzz/fuzz_x.c is one, found by wildcard.  They
# are built by clang, apart from everything else, with the library's sources
# instrumented.  Seeds are random messages, written by tests/fuzz/seed.
FUZZ_SECONDS ?= 60
FUZZ_CC      ?= clang
FUZZ_JOBS    ?= 2
FUZZ_BUILD    = $(BUILD)/fuzz
FUZZ_FLAGS    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -DKW_DEBUG \
	-Wno-unused-command-line-argument
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ_BUILD)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_OBJECTS := $(patsubst %.c,$(FUZZ_BUILD)/obj/%.o,$(LIB_SRC) $(MOCK_SRC) $(JSON_SRC))

.PHONY: fuzz run-fuzz
fuzz: ## libFuzzer over decoders, JSON, records, ... (FUZZ_SECONDS=60, shared)
	@tools/install-deps.sh build clang
	@$(MAKE) --no-print-directory run-fuzz
run-fuzz: $(FUZZ_TARGETS) $(FUZZ_BUILD)/seed
	$(Q)$(FUZZ_BUILD)/seed $(FUZZ_BUILD)/seeds
	$(Q)tests/fuzz/run $(FUZZ_BUILD) $(FUZZ_SECONDS) $(FUZZ_JOBS)

$(FUZZ_BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<)
	$(Q)$(FUZZ_CC) $(KW_CPPFLAGS) -std=c11 -pthread $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(FUZZ_BUILD)/libfuzz.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(FUZZ_BUILD)/fuzz_%: $(FUZZ_BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_BUILD)/libfuzz.a
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -pthread -o $@ $^ $(TOOL_LIBS)
$(FUZZ_BUILD)/seed: $(FUZZ_BUILD)/obj/tests/fuzz/seed.o $(FUZZ_BUILD)/obj/tests/support/random_message.o \
	$(FUZZ_BUILD)/obj/tests/conformance/messages.o $(FUZZ_BUILD)/libfuzz.a
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -pthread -o $@ $^ $(TOOL_LIBS)
-include $(shell find $(FUZZ_BUILD)/obj -name '*.d' 2>/dev/null)
