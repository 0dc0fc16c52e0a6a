# What static programs take in, and what it costs them.
LINK_SRC := $(wildcard tests/link/*.c)
LINKED   := $(patsubst tests/link/%.c,$(B)/link/%,$(LINK_SRC))

# A thin archive keeps its members' paths, so that the map tells them apart.
$(B)/link/libkwire.a: $(call objects,$(LIB_SRC)) $(B)/flags $(B)/sources
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsT $@ $(filter %.o,$^)
$(B)/link/%: $(B)/obj/tests/link/%.o $(B)/link/libkwire.a
	$(call say,LD,$@)
	$(Q)$(link) -s -Wl,--gc-sections -Wl,-Map=$@.map $(LINK_STATIC) $(LIBS) 2>$@.warnings || { cat $@.warnings; exit 1; }

# A rebuilt sanitizer's map says nothing new.
ifeq ($(SAN)$(if $(LINK_SRC),,none),)
CHECKS += tests/link/objects
tests: $(LINKED)
endif

# Static daemons, of glibc with TLS and of musl with what needs nobody's library.
.PHONY: static-daemons
MUSL_FLAGS = CC=musl-gcc TLS=0 GSASL=0 GZIP=0 SNAPPY=0 LZ4=0 ZSTD=0 LINK_STATIC=-static PRESET=
static-daemons:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/size-tls $(SIZE_FLAGS) $(SIZE_SECURED) run-size
	@! command -v musl-gcc >/dev/null || $(MAKE) --no-print-directory BUILD=$(BUILD)/musl $(MUSL_FLAGS) run-size
ifeq ($(SAN)$(CROSS_COMPILE),)
CHECKS += tests/link/static
run-tests: $(if $(filter tests/link/static,$(chosen)),static-daemons)
endif

# `make size`: static daemons at -Os, without and with TLS and SCRAM, by part.
# Tables for unwinding serve debuggers and C++ only, and what a static program may be
# loaded at is known: who counts bytes leaves both out.
.PHONY: size run-size
SIZE_FLAGS   = CFLAGS='-Os -fno-asynchronous-unwind-tables -fno-pie' GSASL=0 SNAPPY=0 LINK_STATIC=-static
SIZE_SECURED = TLS=1 SASL=1 OAUTH=0
size: deps ## what a static daemon pays for kwire, against tools/size-budget (PRESET=armv7)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/size-plain $(SIZE_FLAGS) TLS=0 SASL=0 SOCKS5=0 run-size
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/size-tls $(SIZE_FLAGS) $(SIZE_SECURED) run-size
	@tests/link/size tools/size-budget '$(PRESET)' $(BUILD)/size-plain/link/daemon.map $(BUILD)/size-tls/link/daemon.map
run-size: $(LINKED)
