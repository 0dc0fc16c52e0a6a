# The programs of docs/examples, run against the mock cluster as a person would.
CHECKS += $(if $(EXAMPLES),tests/examples/check)
