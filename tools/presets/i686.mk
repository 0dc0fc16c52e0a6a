# 32-bit x86.
CROSS_COMPILE = i686-linux-gnu-
BUILD         = build/i686
GSASL         = 0
EMULATOR      = qemu-i386
CROSS_ARCH    = i386
