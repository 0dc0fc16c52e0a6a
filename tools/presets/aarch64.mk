# 64-bit ARM: aarch64 boards and servers.  `make PRESET=aarch64`, `make test-cross`.
CROSS_COMPILE = aarch64-linux-gnu-
BUILD         = build/aarch64
GSASL         = 0
CROSS_ARCH    = arm64
SYSROOT      ?= $(CURDIR)/build/sysroot/arm64
EMULATOR      = qemu-aarch64$(if $(SYSROOT), -L $(SYSROOT))
