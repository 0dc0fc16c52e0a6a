# kwire: build, test, install.  `make help` lists the targets and the variables.
# Sources are found by wildcard: a new .c file in its directory is built, a new
# tests/unit/test_x.c is run.  Parts with targets of their own (the generator,
# interop, fuzzing, ...) bring a .mk file, included at the end.

# What a user sets.  PRESET names a file of tools/presets/ that sets some of them.
PRESET  ?=
-include $(if $(PRESET),tools/presets/$(PRESET).mk)
BUILD   ?= build
SAN     ?=
WERROR  ?=
V       ?=
TLS     ?= 1
SASL    ?= 1
GSASL   ?= $(SASL)
OAUTH   ?= $(SASL)
SOCKS5  ?= 1
FUTEX   ?= 1
GZIP    ?= 1
SNAPPY  ?= 1
LZ4     ?= 1
ZSTD    ?= 1
PREFIX  ?= /usr/local
DESTDIR ?=
LIBDIR  ?= $(PREFIX)/lib
CFLAGS  ?= -O2 -g
# Where a cross compiler finds its libraries; a preset sets it, and fetches them there (tools/sysroot).
SYSROOT ?=
ifeq ($(origin CC),default)
CC = $(CROSS_COMPILE)gcc$(if $(SYSROOT), --sysroot=$(SYSROOT))
endif
ifeq ($(origin AR),default)
AR = $(CROSS_COMPILE)ar
endif

# Everything that is built stands below $(B); sanitizers get a tree of their own.
B := $(BUILD)$(if $(SAN),/$(SAN))

# The version stands in one place; the soname changes with the ABI.
VERSION := $(shell sed -n 's/^.define KWIRE_VERSION_STRING "\(.*\)"/\1/p' include/kwire/version.h)
SONAME  := libkwire.so.$(firstword $(subst ., ,$(VERSION)))

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
KW_CPPFLAGS = -Iinclude -Igen/include -Ilib -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DKW_WITH_TLS=$(TLS) -DKW_WITH_SASL=$(SASL) -DKW_WITH_GSASL=$(GSASL) -DKW_WITH_OAUTH=$(OAUTH) -DKW_WITH_GZIP=$(GZIP) \
	-DKW_WITH_SOCKS5=$(SOCKS5) -DKW_WITH_FUTEX=$(FUTEX) -DKW_WITH_SNAPPY=$(SNAPPY) -DKW_WITH_LZ4=$(LZ4) -DKW_WITH_ZSTD=$(ZSTD)
KW_CFLAGS = -std=c11 $(WARNINGS) $(if $(filter 1,$(WERROR)),-Werror) \
	-fvisibility=hidden -ffunction-sections -fdata-sections -pthread
KW_LDFLAGS = -pthread
SANFLAGS_address = -fsanitize=address,undefined -fno-sanitize-recover=all
SANFLAGS_thread  = -fsanitize=thread
ifneq ($(SAN),)
$(if $(SANFLAGS_$(SAN)),,$(error SAN is address or thread, not '$(SAN)'))
KW_CFLAGS  += $(SANFLAGS_$(SAN)) -fno-omit-frame-pointer -DKW_DEBUG
KW_LDFLAGS += $(SANFLAGS_$(SAN))
endif
COMPILE = $(CC) $(KW_CPPFLAGS) $(CPPFLAGS) $(KW_CFLAGS) $(CFLAGS) -MMD -MP -c

LIBS = $(if $(filter 1,$(TLS)),-lmbedtls -lmbedx509 -lmbedcrypto) $(if $(filter 1,$(GSASL)),-lgsasl) \
	$(if $(filter 1,$(GZIP)),-lz) $(if $(filter 1,$(SNAPPY)),-lsnappy) \
	$(if $(filter 1,$(LZ4)),-llz4) $(if $(filter 1,$(ZSTD)),-lzstd)
TOOL_LIBS = $(LIBS) -ljansson -lm

# Sources.  Client code, server code and descriptors are separate objects, so
# that a program pays only for what it calls.
LIB_SRC     := $(sort $(filter-out lib/mock/% lib/json/%,$(wildcard lib/*/*.c)) \
	$(wildcard gen/src/*.c gen/src/client/*.c gen/src/data/*.c))
MOCK_SRC    := $(sort $(wildcard lib/mock/*.c gen/src/server/*.c))
JSON_SRC    := $(sort $(wildcard lib/json/*.c gen/src/describe/*.c))
CLI_SRC     := $(sort $(wildcard tools/cli/*.c))
MOCKD_SRC   := $(sort $(wildcard tools/mockd/*.c))
GEN_SRC     := $(sort $(wildcard tools/gen/*.c))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
TEST_SRC    := $(sort $(wildcard tests/unit/test_*.c tests/fault/test_*.c))
# Logins are not tested where they are not built.
TESTS_SASL   = %/test_mock_sasl.c %/test_reauth.c %/test_reauth_load.c %/test_refusal.c \
	%/test_sasl_exchange.c %/test_secrets.c
TEST_SRC    := $(filter-out $(if $(filter 0,$(SASL)),$(TESTS_SASL)) $(if $(filter 0,$(OAUTH)),%/test_oidc.c),$(TEST_SRC))
EXAMPLE_SRC := $(sort $(wildcard docs/examples/*.c))

objects  = $(patsubst %.c,$(B)/obj/%.o,$(1))
ARCHIVES = $(B)/libkwire-mock.a $(B)/libkwire-json.a $(B)/libkwire.a
TESTS    := $(patsubst %.c,$(B)/%,$(TEST_SRC))
EXAMPLES := $(patsubst docs/examples/%.c,$(B)/examples/%,$(EXAMPLE_SRC))
T        ?=
chosen    = $(foreach test,$(TESTS) $(CHECKS),$(if $(or $(if $(T),,all),$(findstring $(T),$(test))),$(test)))

Q   := $(if $(V),,@)
say  = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')
link = $(CC) $(KW_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

.PHONY: all libs tools deps demo run-demo test run-tests tests test-cross run-cross run-cross-tests clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:

all: libs tools ## the libraries and tools (the default)
libs: $(B)/libkwire.a $(B)/libkwire.so $(B)/libkwire-mock.a $(B)/libkwire-json.a
tools: $(if $(CLI_SRC),$(B)/kwire) $(if $(MOCKD_SRC),$(B)/kwire-mockd)

# How everything is compiled, and what of: files that are new when that changed,
# so that new flags or switches rebuild, and a removed source leaves the archives.
$(B)/flags: export KW_NOW = $(COMPILE) $(KW_LDFLAGS) $(LDFLAGS) $(LIBS) $(AR)
$(B)/sources: export KW_NOW = $(LIB_SRC) $(MOCK_SRC) $(JSON_SRC)
$(B)/flags $(B)/sources: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$KW_NOW" | cmp -s - $@ || printf '%s\n' "$$KW_NOW" >$@

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) -o $@ $<
$(B)/pic/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC.so,$<)
	$(Q)$(COMPILE) -fPIC -o $@ $<

$(B)/libkwire.a: $(call objects,$(LIB_SRC))
$(B)/libkwire-mock.a: $(call objects,$(MOCK_SRC))
$(B)/libkwire-json.a: $(call objects,$(JSON_SRC))
$(B)/%.a: $(B)/flags $(B)/sources
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
$(B)/libkwire.so: $(patsubst %.c,$(B)/pic/%.o,$(LIB_SRC)) lib/kwire.map $(B)/sources
	$(call say,LD,$@)
	$(Q)$(link) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/kwire.map $(LIBS)
	@ln -sf $(@F) $(@D)/$(SONAME)

$(B)/kwire: $(call objects,$(CLI_SRC)) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(link) $(TOOL_LIBS)
$(B)/kwire-mockd: $(call objects,$(MOCKD_SRC)) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(link) $(TOOL_LIBS)
$(BUILD)/kwire-gen: $(patsubst %.c,$(BUILD)/obj/%.o,$(GEN_SRC))
	$(call say,LD,$@)
	$(Q)$(link) -ljansson
$(B)/examples/%: $(B)/obj/docs/examples/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $(TOOL_LIBS)
# Tests may move kwire's clock (tests/support/moved_clock.h).
TEST_LDFLAGS = $(patsubst %,-Wl$(COMMA)--wrap=%,kw_now_ms kw_now_us kw_cond_wait kw_futex_wait kw_poll_timeout)
COMMA := ,
# The client's test plays the connection itself: its own definitions come first and win.
$(B)/tests/unit/test_client: KW_LDFLAGS += -Wl,-z,muldefs
# A woken thread is held before it looks around, and one that wakes before it does.
$(B)/tests/unit/test_baton: KW_LDFLAGS += -Wl,--wrap=kw_park_wait -Wl,--wrap=kw_park_wake
# The thread is held where it has looked at a renewal, and has not read yet.
$(B)/tests/unit/test_reauth: KW_LDFLAGS += -Wl,--wrap=kw_reauth_step
# Every copy is counted.
$(B)/tests/unit/test_copies: KW_LDFLAGS += -Wl,--wrap=memcpy -Wl,--wrap=memmove
# The sweep stands between kwire and the system.
WRAPPED = socket connect send sendmsg recv recvmsg poll ppoll setsockopt eventfd pthread_create
$(B)/tests/fault/test_sweep_malloc: KW_LDFLAGS += -Wl,--wrap=pthread_create
$(B)/tests/fault/test_sweep_system: KW_LDFLAGS += $(WRAPPED:%=-Wl,--wrap=%)
# A test is one program; what several share stands in tests/support/.
$(B)/tests/%: $(B)/obj/tests/%.o $(call objects,$(SUPPORT_SRC)) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(link) $(TEST_LDFLAGS) -lcmocka $(TOOL_LIBS)

# Where the first command on a fresh machine is `make demo` or `make test`,
# what is missing has to be there before anything is compiled.
deps:
	@CC='$(CC)' TLS=$(TLS) GSASL=$(GSASL) GZIP=$(GZIP) SNAPPY=$(SNAPPY) LZ4=$(LZ4) ZSTD=$(ZSTD) \
		tools/install-deps.sh $(if $(CROSS_ARCH),cross-$(CROSS_ARCH),build)
	$(if $(SYSROOT),@tools/sysroot $(CROSS_ARCH) $(SYSROOT))

demo: deps ## the newcomer's program against a mock cluster
	@$(MAKE) --no-print-directory run-demo
run-demo: $(B)/examples/demo
	@$(B)/examples/demo

test: deps ## every test that needs no Java (SAN=, T=part of a name)
	@$(MAKE) --no-print-directory run-tests
tests: $(TESTS) $(EXAMPLES)
# A test may also be another program or script; it is told where things were built.
CHECKS := $(if $(EXAMPLES),$(B)/examples/demo $(B)/examples/watch)
run-tests: all tests
	$(Q)B=$(B) tests/run $(chosen)

CROSS ?= aarch64 armv7 i686 bigendian
test-cross: ## unit and codec tests of cross builds, under qemu (CROSS=presets)
	@for preset in $(CROSS); do $(MAKE) --no-print-directory PRESET=$$preset run-cross || exit 1; done
run-cross: deps
	@$(MAKE) --no-print-directory run-cross-tests
run-cross-tests: $(filter $(B)/tests/unit/%,$(TESTS))
	$(Q)B=$(B) TEST_TIMEOUT=900 TEST_WRAPPER='$(EMULATOR)' tests/run $(filter $(B)/tests/unit/%,$(chosen))

clean: ## removes what was built
	rm -rf $(BUILD)

help: ## this list
	@echo 'Targets:'
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20 | sed 's/^/  /'
	@echo 'Variables:'
	@echo '  CC AR CFLAGS CPPFLAGS LDFLAGS CROSS_COMPILE PREFIX DESTDIR LIBDIR V=1   as usual'
	@echo '  TLS SASL GSASL OAUTH SOCKS5 GZIP SNAPPY LZ4 ZSTD  =0 leaves it out of the build'
	@echo '  FUTEX=0                              threads wait on condition variables, as they do off Linux'
	@echo '  SAN=address|thread                 builds and tests under a sanitizer, in $$(BUILD)/$$(SAN)'
	@echo '  BUILD=dir WERROR=1 PRESET=name     other output; warnings are errors; see tools/presets/'

include $(filter-out tools/presets/%,$(wildcard */*/*.mk))
-include $(shell find $(B)/obj $(B)/pic -name '*.d' 2>/dev/null)
