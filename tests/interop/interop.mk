# SPDX-License-Identifier: Apache-2.0
# Interop: kwire against a real three-node Kafka (tools/kafka/cluster).
#   make test-kafka [KAFKA_VERSION=3.9.2] [K=part of a test's name]
# The programs that kill brokers come last.
K ?=
INTEROP_SRC   := $(filter-out tests/interop/test_failover.c,$(sort $(wildcard tests/interop/test_*.c))) \
	$(wildcard tests/interop/test_failover.c)
INTEROP_TESTS := $(patsubst %.c,$(B)/%,$(INTEROP_SRC))
# Programs of other kinds: Kafka's Java clients against kwire-mockd, clusters of old releases
# (OLD_KAFKA=, "0.11.0.3 1.1.1 2.1.1 2.8.2").
INTEROP_CHECKS := tests/interop/mock/java tests/interop/old_brokers

.PHONY: test-kafka run-test-kafka
test-kafka: ## interop with a real Kafka of three brokers (KAFKA_VERSION=, K=part of a name)
	@tools/install-deps.sh build java
	@$(MAKE) --no-print-directory run-test-kafka
run-test-kafka: libs tools $(INTEROP_TESTS)
	$(Q)B=$(B) KAFKA_VERSION='$(KAFKA_VERSION)' tests/interop/run \
		$(foreach test,$(INTEROP_CHECKS) $(INTEROP_TESTS),$(if $(or $(if $(K),,all),$(findstring $(K),$(test))),$(test)))
$(INTEROP_TESTS): $(B)/obj/tests/interop/cluster.o
