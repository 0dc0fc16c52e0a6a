# SPDX-License-Identifier: Apache-2.0
# The binary interface against the committed list, tools/abi/abi; also a check of `make lint`.
.PHONY: abi-check abi-update
ABI_CHECK = B='$(B)' CC='$(CC)' CPPFLAGS='$(KW_CPPFLAGS)' tools/abi/check
abi-check: $(B)/libkwire.so ## exported names and struct layouts against tools/abi/abi
	$(Q)$(ABI_CHECK)
abi-update: $(B)/libkwire.so ## takes the present ones into the list
	$(Q)$(ABI_CHECK) --update
