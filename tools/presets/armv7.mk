# 32-bit ARM with hardware floating point: most small Linux boards.
CROSS_COMPILE = arm-linux-gnueabihf-
BUILD         = build/armv7
GSASL         = 0
EMULATOR      = qemu-arm
CROSS_ARCH    = armhf
