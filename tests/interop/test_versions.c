/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a real broker says of its APIs and versions, and what kwire makes of
 * it, on single connections.
 */
#include "cluster.h"

#include <string.h>

#include <kwire/api/api_versions.h>
#include <kwire/api/metadata.h>
#include <kwire/api/vote.h>

static int teardown(void **state)
{
	kwire_connection_close(*state);
	return 0;
}

static int setup(void **state)
{
	*state = cluster_connection(0);
	return 0;
}

static const struct kwire_api *api_of(int16_t key)
{
	for (int i = 0; i < kwire_all_apis_count; i++)
		if (kwire_all_apis[i]->key == key)
			return kwire_all_apis[i];
	return NULL;
}

static void a_brokers_table_is_read(void **state)
{
	const struct kwire_versions *versions = kwire_connection_versions(*state);
	struct kwire_version_range range;

	assert_in_range(kwire_versions_count(versions), 50, 120);
	assert_true(kwire_versions_range(versions, kwire_metadata_api.key, &range));
	assert_int_equal(range.api_key, kwire_metadata_api.key);
	assert_in_range(range.max_version, 12, 20);
	for (int i = 0; i < kwire_versions_count(versions); i++) {
		assert_true(kwire_versions_at(versions, i, &range));
		assert_true(range.min_version >= 0 && range.min_version <= range.max_version);
	}
	assert_false(kwire_versions_at(versions, kwire_versions_count(versions), &range));
}

static void every_broker_offers_the_same_table(void **state)
{
	const struct kwire_versions *first = kwire_connection_versions(*state);

	for (int node = 1; node < CLUSTER_NODES; node++) {
		struct kwire_connection *other = cluster_connection(node);
		const struct kwire_versions *versions = kwire_connection_versions(other);

		assert_int_equal(kwire_versions_count(versions), kwire_versions_count(first));
		for (int i = 0; i < kwire_versions_count(first); i++) {
			struct kwire_version_range one;
			struct kwire_version_range two;

			assert_true(kwire_versions_at(first, i, &one));
			assert_true(kwire_versions_range(versions, one.api_key, &two));
			assert_int_equal(one.max_version, two.max_version);
		}
		kwire_connection_close(other);
	}
}

static void every_api_of_a_broker_is_known_to_kwire(void **state)
{
	const struct kwire_versions *versions = kwire_connection_versions(*state);

	for (int i = 0; i < kwire_versions_count(versions); i++) {
		struct kwire_version_range range;

		assert_true(kwire_versions_at(versions, i, &range));
		if (kwire_api_name(range.api_key) == NULL)
			fail_msg("API key %d is not known", range.api_key);
		assert_non_null(api_of(range.api_key));
	}
}

static void the_highest_version_of_both_sides_is_negotiated(void **state)
{
	const struct kwire_versions *versions = kwire_connection_versions(*state);
	int offered = 0;

	for (int i = 0; i < kwire_all_apis_count; i++) {
		const struct kwire_api *api = kwire_all_apis[i];
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_version_range range;
		int16_t version = -1;
		int16_t expected;

		if (!kwire_versions_range(versions, api->key, &range) || api->max_version < 0)
			continue;
		expected = api->latest_stable_version < range.max_version
				   ? api->latest_stable_version
				   : range.max_version;
		if (expected < api->min_version || expected < range.min_version)
			continue; /* only an unstable version, or one that Kafka 4 dropped */
		must(kwire_versions_negotiate(versions, api, &version, &error), &error);
		assert_int_equal(version, expected);
		offered++;
	}
	assert_in_range(offered, 50, 120);
}

static void an_api_that_a_broker_lacks_fails_here_and_is_not_sent(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_vote_request request = KWIRE_VOTE_REQUEST_INIT;
	void *response = NULL;

	assert_int_equal(
		kwire_connection_send(*state, &kwire_vote_api, &request, &response, NULL, &error),
		KWIRE_EUNSUPPORTED);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	assert_null(response);
	assert_false(kwire_connection_is_closed(*state, NULL));
}

static void a_version_that_the_broker_lacks_fails_here_and_names_both_ranges(void **state)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;

	options.min_version = 90;
	options.max_version = 99;
	assert_true(kwire_connection_send_metadata(*state, &request, &response, &options, &error) !=
		    0);
	assert_int_equal(error.outcome, KWIRE_NOT_SENT);
	assert_false(kwire_connection_is_closed(*state, NULL));
}

static void every_version_of_metadata_names_three_brokers(void **state)
{
	struct kwire_version_range range;
	int16_t version;

	assert_true(kwire_versions_range(kwire_connection_versions(*state), kwire_metadata_api.key,
					 &range));
	for (version = range.min_version > kwire_metadata_api.min_version
			       ? range.min_version
			       : kwire_metadata_api.min_version;
	     version <= range.max_version && version <= kwire_metadata_api.max_version; version++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
		struct kwire_metadata_response *response = NULL;

		options.min_version = version;
		options.max_version = version;
		must(kwire_connection_send_metadata(*state, &request, &response, &options, &error),
		     &error);
		assert_int_equal(response->brokers.count, CLUSTER_NODES);
		for (int i = 0; i < CLUSTER_NODES; i++) {
			assert_in_range(response->brokers.items[i].node_id, 1, CLUSTER_NODES);
			assert_true(
				kwire_string_equal(response->brokers.items[i].host, "127.0.0.1"));
			assert_in_range(response->brokers.items[i].port, 1024, 65535);
		}
		kwire_response_free(response);
	}
}

static void every_version_of_api_versions_is_answered(void **state)
{
	struct kwire_version_range range;
	int count = kwire_versions_count(kwire_connection_versions(*state));

	assert_true(kwire_versions_range(kwire_connection_versions(*state),
					 kwire_api_versions_api.key, &range));
	for (int16_t version = range.min_version;
	     version <= range.max_version && version <= kwire_api_versions_api.max_version;
	     version++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
		struct kwire_api_versions_request request = KWIRE_API_VERSIONS_REQUEST_INIT;
		struct kwire_api_versions_response *response = NULL;

		request.client_software_name = KWIRE_STRING("kwire-tests");
		request.client_software_version = KWIRE_STRING("1.0");
		options.min_version = version;
		options.max_version = version;
		must(kwire_connection_send_api_versions(*state, &request, &response, &options,
							&error),
		     &error);
		must_answer(response->error_code, NONE);
		assert_int_equal(response->api_keys.count, count);
		kwire_response_free(response);
	}
}

static void features_of_the_cluster_are_known(void **state)
{
	const struct kwire_versions *versions = kwire_connection_versions(*state);
	struct kwire_feature feature;
	bool supported = false;
	bool finalized = false;

	for (int i = 0; kwire_versions_supported_feature(versions, i, &feature); i++)
		if (kwire_string_equal(feature.name, "metadata.version"))
			supported = feature.max_level > 0;
	for (int i = 0; kwire_versions_finalized_feature(versions, i, &feature); i++)
		if (kwire_string_equal(feature.name, "metadata.version"))
			finalized = feature.max_level > 0;
	assert_true(supported);
	assert_true(finalized);
	assert_true(kwire_versions_finalized_epoch(versions) >= 0);
}

static void a_raw_call_brings_the_body_as_it_came(void **state)
{
	/* ApiVersions v0 has no fields; its answer is an error code and an array. */
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_raw_response *response = NULL;
	const uint8_t *body;
	int32_t count;

	must(kwire_connection_send_raw(*state, kwire_api_versions_api.key, 0, 0, "", 0, &response,
				       NULL, &error),
	     &error);
	body = response->body.data;
	assert_true(response->body.size > 6);
	assert_int_equal(body[0] << 8 | body[1], 0);
	count = body[2] << 24 | body[3] << 16 | body[4] << 8 | body[5];
	assert_int_equal(count, kwire_versions_count(kwire_connection_versions(*state)));
	assert_int_equal(response->body.size, 6 + count * 6);
	kwire_response_free(response);
}

static void a_request_that_the_broker_cannot_read_ends_its_connection_only(void **state)
{
	struct kwire_connection *other = cluster_connection(0);
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_error cause = KWIRE_ERROR_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_raw_response *raw = NULL;

	assert_int_equal(kwire_connection_send_raw(other, kwire_metadata_api.key, 12,
						   KWIRE_RAW_FLEXIBLE, "\x7f\x7f\x7f", 3, &raw,
						   NULL, &error),
			 KWIRE_EDISCONNECTED);
	assert_int_equal(error.outcome, KWIRE_MAYBE_APPLIED);
	assert_null(raw);
	assert_true(kwire_connection_is_closed(other, &cause));
	assert_int_equal(cause.result, KWIRE_EDISCONNECTED);
	kwire_connection_close(other);
	must(kwire_connection_send_metadata(*state, &request, &response, NULL, &error), &error);
	kwire_response_free(response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_brokers_table_is_read),
		cmocka_unit_test(every_broker_offers_the_same_table),
		cmocka_unit_test(every_api_of_a_broker_is_known_to_kwire),
		cmocka_unit_test(the_highest_version_of_both_sides_is_negotiated),
		cmocka_unit_test(an_api_that_a_broker_lacks_fails_here_and_is_not_sent),
		cmocka_unit_test(a_version_that_the_broker_lacks_fails_here_and_names_both_ranges),
		cmocka_unit_test(every_version_of_metadata_names_three_brokers),
		cmocka_unit_test(every_version_of_api_versions_is_answered),
		cmocka_unit_test(features_of_the_cluster_are_known),
		cmocka_unit_test(a_raw_call_brings_the_body_as_it_came),
		cmocka_unit_test(a_request_that_the_broker_cannot_read_ends_its_connection_only),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
