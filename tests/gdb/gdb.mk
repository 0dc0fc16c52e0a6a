# The gdb helper, tried on a program that stops itself; sanitizers stand in gdb's way.
ifeq ($(SAN),)
CHECKS += tests/gdb/check
tests: $(B)/tests/gdb/stopped
endif
