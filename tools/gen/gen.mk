# Schemas in, C out.  What is generated is committed; a build does not run this.
.PHONY: gen gen-check import
GEN_ARGUMENTS = gen/schema gen/clients.json gen/routes.json

# docs/routing.md with the table of a file between its two marks.
routing_page = awk -v table=$(1) '/^<!-- table -->/ { print; while ((getline row < table) > 0) \
	print row; skip = 1 } /^<!-- end -->/ { skip = 0 } !skip' docs/routing.md

gen: $(BUILD)/kwire-gen ## generate gen/include and gen/src from gen/schema
	$(Q)$(BUILD)/kwire-gen $(GEN_ARGUMENTS) gen
	$(Q)$(call routing_page,gen/routes.md) >docs/routing.new && mv docs/routing.new docs/routing.md

gen-check: $(BUILD)/kwire-gen ## is what is committed what the generator writes?
	@rm -rf $(BUILD)/gen-check
	$(Q)$(BUILD)/kwire-gen $(GEN_ARGUMENTS) $(BUILD)/gen-check
	@$(call routing_page,$(BUILD)/gen-check/routes.md) | diff docs/routing.md -
	@diff -r gen/include $(BUILD)/gen-check/include && diff -r gen/src $(BUILD)/gen-check/src && \
		diff gen/routes.md $(BUILD)/gen-check/routes.md && \
		echo 'gen-check: gen/ is current'

# IMPORT=newest, or a release, takes another Kafka; without it, the pinned one again.
IMPORT ?=
import: $(BUILD)/kwire-import ## take Kafka's schemas from Maven Central (IMPORT=newest or a release)
	$(Q)KWIRE_IMPORT=$(abspath $(BUILD))/kwire-import tools/import/import $(IMPORT)

$(BUILD)/kwire-import: $(BUILD)/obj/tools/import/facts.o
	$(call say,LD,$@)
	$(Q)$(link) -ljansson
