# kwire: build, test, install.  `make help` lists the targets.

BUILD  ?= build
SAN    ?=
V      ?=
TLS    ?= 1
GSASL  ?= 1
GZIP   ?= 1
SNAPPY ?= 1
LZ4    ?= 1
ZSTD   ?= 1

ifeq ($(origin CC),default)
CC = $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR = $(CROSS_COMPILE)ar
endif
ifneq ($(SAN),)
B := $(BUILD)/$(SAN)
else
B := $(BUILD)
endif

CFLAGS   ?= -O2 -g
WARNINGS  = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
KW_CPPFLAGS = -Iinclude -Igen/include -Ilib -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE \
	-DKW_WITH_TLS=$(TLS) -DKW_WITH_GSASL=$(GSASL) -DKW_WITH_GZIP=$(GZIP) \
	-DKW_WITH_SNAPPY=$(SNAPPY) -DKW_WITH_LZ4=$(LZ4) -DKW_WITH_ZSTD=$(ZSTD)
KW_CFLAGS = -std=c11 $(WARNINGS) -fvisibility=hidden -ffunction-sections -fdata-sections -pthread
KW_LDFLAGS = -pthread
ifeq ($(SAN),address)
KW_CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DKW_DEBUG
KW_LDFLAGS += -fsanitize=address,undefined
endif
ifeq ($(SAN),thread)
KW_CFLAGS  += -fsanitize=thread -fno-omit-frame-pointer -DKW_DEBUG
KW_LDFLAGS += -fsanitize=thread
endif
ifeq ($(WERROR),1)
KW_CFLAGS += -Werror
endif

LIBS = $(if $(filter 1,$(TLS)),-lmbedtls -lmbedx509 -lmbedcrypto) $(if $(filter 1,$(GSASL)),-lgsasl) \
	$(if $(filter 1,$(GZIP)),-lz) $(if $(filter 1,$(SNAPPY)),-lsnappy) \
	$(if $(filter 1,$(LZ4)),-llz4) $(if $(filter 1,$(ZSTD)),-lzstd)

LIB_SRC  := $(sort $(filter-out lib/mock/% lib/json/%,$(wildcard lib/*/*.c))) $(sort $(wildcard gen/src/*.c gen/src/client/*.c gen/src/data/*.c))
MOCK_SRC := $(sort $(wildcard lib/mock/*.c gen/src/server/*.c))
JSON_SRC := $(sort $(wildcard lib/json/*.c gen/src/describe/*.c))
CLI_SRC  := $(sort $(wildcard tools/cli/*.c))
MOCKD_SRC := $(sort $(wildcard tools/mockd/*.c))
GEN_SRC  := $(sort $(wildcard tools/gen/*.c))
objects   = $(patsubst %.c,$(B)/obj/%.o,$(1))
TESTS    := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/unit/test_*.c tests/fault/test_*.c)))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

.PHONY: all libs tools clean test demo
all: libs tools
libs: $(B)/libkwire.a $(B)/libkwire.so $(B)/libkwire-mock.a $(B)/libkwire-json.a
tools: $(if $(CLI_SRC),$(B)/kwire) $(if $(MOCKD_SRC),$(B)/kwire-mockd)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(KW_CPPFLAGS) $(CPPFLAGS) $(KW_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(B)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC.so,$<)
	$(Q)$(CC) $(KW_CPPFLAGS) $(CPPFLAGS) $(KW_CFLAGS) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<

$(B)/libkwire.a: $(call objects,$(LIB_SRC))
$(B)/libkwire-mock.a: $(call objects,$(MOCK_SRC))
$(B)/libkwire-json.a: $(call objects,$(JSON_SRC))
$(B)/%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/libkwire.so: $(patsubst %.c,$(B)/pic/%.o,$(LIB_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libkwire.so.0 $(KW_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

ARCHIVES = $(B)/libkwire-mock.a $(B)/libkwire-json.a $(B)/libkwire.a
$(B)/kwire: $(call objects,$(CLI_SRC)) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(KW_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -ljansson -lm
$(B)/kwire-mockd: $(call objects,$(MOCKD_SRC)) $(ARCHIVES)
	$(call say,LD,$@)
	$(Q)$(CC) $(KW_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -ljansson -lm
$(BUILD)/kwire-gen: $(patsubst %.c,$(BUILD)/obj/%.o,$(GEN_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(KW_LDFLAGS) $(LDFLAGS) -o $@ $^ -ljansson

# A test is one program; what several share stands in tests/support/.
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
$(B)/tests/%: $(B)/obj/tests/%.o $(call objects,$(SUPPORT_SRC)) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(KW_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -ljansson -lm

test: all $(TESTS)
	$(Q)tests/run $(TESTS)

clean:
	rm -rf $(BUILD)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
