# SPDX-License-Identifier: Apache-2.0
# What `make install` installs is used as a newcomer would, and goes away again.
.PHONY: check-install
ifeq ($(SAN)$(CROSS_COMPILE)$(findstring --coverage,$(LDFLAGS)),)
CHECKS += tests/install/destdir
endif
check-install: deb ## installs the packages in a fresh Debian root, uses and removes them (root only)
	@tools/install-deps.sh root
	tests/install/root $(DEB)
