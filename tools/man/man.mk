# SPDX-License-Identifier: Apache-2.0
# Man pages: section 3 from the headers, section 1 from what the tools say of
# themselves.  In a cross build without an emulator there is no section 1.
.PHONY: man
MAN      = $(B)/man
MAN_API  = $(sort $(wildcard gen/include/kwire/api/*.h))
MAN_HAND = $(sort $(wildcard include/kwire/*.h))
# Which programs have a page; empty where they cannot be run.
MAN_RUNS = $(if $(CROSS_COMPILE),$(EMULATOR),yes)

man: $(MAN)/done ## man pages, in $(BUILD)/man
$(MAN)/done: $(MAN_HAND) $(MAN_API) $(wildcard tools/man/*) $(if $(MAN_RUNS),$(B)/kwire $(B)/kwire-mockd)
	$(call say,MAN,$(MAN))
	$(Q)rm -rf $(MAN) && mkdir -p $(MAN)/man1 $(MAN)/man3
	$(Q)awk -v out=$(MAN)/man3 -v version=$(VERSION) -f tools/man/roff.awk -f tools/man/functions.awk $(MAN_HAND)
	$(Q)awk -v out=$(MAN)/man3 -v version=$(VERSION) -f tools/man/roff.awk -f tools/man/apis.awk $(MAN_API)
	$(if $(MAN_RUNS),$(Q)EMULATOR='$(EMULATOR)' tools/man/programs $(B) $(MAN)/man1 $(VERSION))
	@touch $@

ifeq ($(SAN),)
CHECKS += tools/man/check
run-tests: $(if $(filter tools/man/check,$(chosen)),man)
endif
