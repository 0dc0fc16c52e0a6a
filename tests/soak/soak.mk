# SPDX-License-Identifier: Apache-2.0
# The soak: a client under load while brokers of a real Kafka are killed and paused.
#   make soak [SOAK_SECONDS=600]           tests/soak/main.c says what is judged
#   make soak-reauth [REAUTH_SECONDS=60]   sessions of 5 s, renewed under load
#   make soak-opens [OPENS=10000] [SAN=…]  clients opened and closed, calls in flight
#   make soak-cost [COST_SECONDS=30]       CPU time of a client that cannot or need not do anything
SOAK_SECONDS   ?= 120
REAUTH_SECONDS ?= 60
OPENS          ?= 10000
COST_SECONDS   ?= 30
SOAK_SRC := $(sort $(wildcard tests/soak/*.c))

.PHONY: soak soak-reauth soak-opens soak-cost run-soak run-soak-reauth
soak: ## load on a real Kafka whose brokers are killed and paused (SOAK_SECONDS=120)
	@tools/install-deps.sh build java
	@$(MAKE) --no-print-directory run-soak
run-soak: $(B)/soak
	$(Q)tests/soak/run $(B)/soak brokers $(SOAK_SECONDS)
soak-reauth: ## sessions of 5 s renewed under load, on a real Kafka (REAUTH_SECONDS=60)
	@tools/install-deps.sh build java
	@$(MAKE) --no-print-directory run-soak-reauth
run-soak-reauth: $(B)/soak
	$(Q)tests/soak/run $(B)/soak reauth $(REAUTH_SECONDS)
soak-opens: $(B)/tests/fault/test_client_cluster ## 10,000 clients opened and closed (OPENS=, SAN=)
	$(Q)KWIRE_OPENS=$(OPENS) TEST_TIMEOUT=3600 B=$(B) tests/run $<
soak-cost: $(B)/tests/fault/test_cost ## CPU time of idle clients and absent brokers (COST_SECONDS=30)
	$(Q)KWIRE_COST_SECONDS=$(COST_SECONDS) TEST_TIMEOUT=3600 B=$(B) tests/run $<
$(B)/soak: $(call objects,$(SOAK_SRC)) $(B)/libkwire.a
	$(call say,LD,$@)
	$(Q)$(link) $(LIBS)
