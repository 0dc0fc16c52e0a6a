# Big-endian: IBM Z, the one big-endian machine that Debian 12 has libraries for.
CROSS_COMPILE = s390x-linux-gnu-
BUILD         = build/bigendian
GSASL         = 0
CROSS_ARCH    = s390x
SYSROOT      ?= $(CURDIR)/build/sysroot/s390x
EMULATOR      = qemu-s390x$(if $(SYSROOT), -L $(SYSROOT))
