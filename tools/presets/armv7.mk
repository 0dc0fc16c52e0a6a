# 32-bit ARM with hardware floating point: most small Linux boards.
CROSS_COMPILE = arm-linux-gnueabihf-
BUILD         = build/armv7
GSASL         = 0
CROSS_ARCH    = armhf
SYSROOT      ?= $(CURDIR)/build/sysroot/armhf
EMULATOR      = qemu-arm$(if $(SYSROOT), -L $(SYSROOT))
