# The tests of `kwire` run the program itself, against a mock cluster.
CLI_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/cli/test_*.c))
CHECKS += $(CLI_TESTS)
tests: $(CLI_TESTS)
