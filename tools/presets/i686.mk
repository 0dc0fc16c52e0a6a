# 32-bit x86.
CROSS_COMPILE = i686-linux-gnu-
BUILD         = build/i686
GSASL         = 0
CROSS_ARCH    = i386
SYSROOT      ?= $(CURDIR)/build/sysroot/i386
EMULATOR      = qemu-i386$(if $(SYSROOT), -L $(SYSROOT))
# GCC 11 aligns 64-bit atomics anew, and says so of every struct that has one.
CPPFLAGS     += -Wno-psabi
