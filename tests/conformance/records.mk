# SPDX-License-Identifier: Apache-2.0
# Record batches against Kafka's own classes, both ways: part of `make conformance`.
#   make conformance CONFORMANCE_RECORDS=10000    batches a codec and direction
CONFORMANCE_RECORDS ?= 10000

.PHONY: conformance-records
run-conformance: conformance-records
conformance-records: $(ORACLE_JAR) $(B)/tests/conformance/records/driver
	$(Q)java -XX:+UseSerialGC -Xmx512m -cp 'build/conformance/libs/*' tests/conformance/records/Records.java \
		$(B)/tests/conformance/records/driver $(CONFORMANCE_RECORDS) '$(CONFORMANCE_SEED)'
