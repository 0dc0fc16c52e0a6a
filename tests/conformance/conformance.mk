# SPDX-License-Identifier: Apache-2.0
# Conformance: kwire's codec against Kafka's own Java classes.
#   make conformance [CONFORMANCE_N=20] [CONFORMANCE_SEED=] [CONFORMANCE_ONLY=regular expression of message names]
#   make conformance-vectors       writes the committed vectors anew
CONFORMANCE_N       ?= 20
CONFORMANCE_SEED    ?=
CONFORMANCE_ONLY    ?=
CONFORMANCE_WORKERS ?= 2
CONFORMANCE_VERSION := $(shell sed -n 's/^KAFKA_VERSION=//p' gen/schema/SOURCE 2>/dev/null)
CONFORMANCE_SHA256  := $(shell sed -n 's/^KAFKA_CLIENTS_SHA256=//p' gen/schema/SOURCE 2>/dev/null)
ORACLE     = tests/conformance/oracle
ORACLE_JAR = build/conformance/kwire-oracle-1.jar
ORACLE_RUN = java -XX:+UseSerialGC -Xmx1g -cp '$(ORACLE_JAR):build/conformance/libs/*' kwire.Oracle
VECTORS    = tests/conformance/vectors/vectors.txt.gz

.PHONY: conformance run-conformance conformance-vectors
conformance: ## every message and version against Kafka's own classes (CONFORMANCE_N=, CONFORMANCE_SEED=)
	@tools/install-deps.sh build java
	@$(MAKE) --no-print-directory run-conformance
run-conformance: $(ORACLE_JAR) $(B)/tests/conformance/driver
	$(Q)$(ORACLE_RUN) --driver $(B)/tests/conformance/driver --n $(CONFORMANCE_N) --seed '$(CONFORMANCE_SEED)' \
		--workers $(CONFORMANCE_WORKERS) $(if $(CONFORMANCE_ONLY),--only '$(CONFORMANCE_ONLY)')
conformance-vectors: $(ORACLE_JAR)
	@mkdir -p $(dir $(VECTORS))
	$(Q)$(ORACLE_RUN) --vectors $(VECTORS) --n 3 --seed 1

# The jar that the schemas are from and the jar that the oracle runs are the same bytes.
$(ORACLE_JAR): $(ORACLE)/pom.xml $(wildcard $(ORACLE)/src/main/java/kwire/*.java) gen/schema/SOURCE
	$(call say,MVN,$@)
	$(Q)rm -rf build/conformance
	$(Q)mvn -q -B -Dstyle.color=never -f $(ORACLE)/pom.xml -Dkafka.version=$(CONFORMANCE_VERSION) package
	$(Q)echo '$(CONFORMANCE_SHA256)  build/conformance/libs/kafka-clients-$(CONFORMANCE_VERSION).jar' | sha256sum -c --quiet
	@touch $@

# These two link every message there is.
$(B)/tests/conformance/driver $(B)/tests/unit/test_vectors: $(B)/obj/tests/conformance/messages.o
