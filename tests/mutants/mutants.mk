# SPDX-License-Identifier: Apache-2.0
.PHONY: mutants
mutants: ## bugs put into the connection one at a time: each turns a test red (MUTANTS=part of a name)
	$(Q)B=$(B) MAKE='$(MAKE)' tests/mutants/run
