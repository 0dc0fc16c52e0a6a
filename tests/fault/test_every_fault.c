/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call makes of each fault that the mock cluster can do: an answer, or
 * the one error that says what happened.  A fault without a line here does not
 * compile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <kwire/api/metadata.h>
#include <kwire/connection.h>
#include <kwire/mock.h>

/* What a call ends with; where a deadline ends it, the deadline is short. */
static const int expected[] = {
	[KWIRE_MOCK_DELAY_FAULT] = KWIRE_OK,
	[KWIRE_MOCK_LATE_FAULT] = KWIRE_OK,
	[KWIRE_MOCK_THROTTLE_FAULT] = KWIRE_OK,
	[KWIRE_MOCK_SILENCE_FAULT] = KWIRE_ETIMEDOUT,
	[KWIRE_MOCK_RESET_FAULT] = KWIRE_EDISCONNECTED,
	[KWIRE_MOCK_CLOSE_FAULT] = KWIRE_EDISCONNECTED,
	[KWIRE_MOCK_CLOSE_AFTER_FAULT] = KWIRE_EDISCONNECTED,
	[KWIRE_MOCK_RESET_AFTER_FAULT] = KWIRE_EDISCONNECTED,
	[KWIRE_MOCK_STALL_AFTER_FAULT] = KWIRE_ETIMEDOUT,
	[KWIRE_MOCK_DRIP_FAULT] = KWIRE_OK,
	[KWIRE_MOCK_CORRUPT_FAULT] = KWIRE_EPROTOCOL,
	[KWIRE_MOCK_WRONG_ID_FAULT] = KWIRE_EPROTOCOL,
	[KWIRE_MOCK_UNKNOWN_ID_FAULT] = KWIRE_EPROTOCOL,
	[KWIRE_MOCK_DUPLICATE_FAULT] = KWIRE_OK,
	[KWIRE_MOCK_REORDER_FAULT] = KWIRE_OK,
	[KWIRE_MOCK_UNSOLICITED_FAULT] = KWIRE_EPROTOCOL,
	[KWIRE_MOCK_OVERSIZE_FAULT] = KWIRE_ETOOLARGE,
	[KWIRE_MOCK_TRAILING_FAULT] = KWIRE_EDECODE,
	[KWIRE_MOCK_TRUNCATE_FAULT] = KWIRE_EDECODE,
	[KWIRE_MOCK_BYTES_FAULT] = KWIRE_EPROTOCOL,
	[KWIRE_MOCK_ERROR_FAULT] = KWIRE_OK,
	[KWIRE_MOCK_REFUSE_FAULT] = KWIRE_EDISCONNECTED,
	[KWIRE_MOCK_BLACK_HOLE_FAULT] = KWIRE_ETIMEDOUT,
};
_Static_assert(sizeof(expected) / sizeof(*expected) == KWIRE_MOCK_FAULT_KINDS,
	       "a fault without its line");

static const char *name_of(enum kwire_mock_fault_kind kind)
{
	static const char *const names[] = {
#define NAME(name, text) text,
		KWIRE_MOCK_FAULTS(NAME)
#undef NAME
	};

	return names[kind];
}

/* Two calls at once, so that answers can change places; the first one's result. */
static int call(struct kwire_mock *mock, int64_t timeout_ms, struct kwire_error *error)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_config *config = kwire_config_new();
	struct kwire_connection *connection = NULL;
	struct kwire_call *calls[2] = {NULL, NULL};
	void *response = NULL;
	int result;

	result = kwire_connection_open(config, "127.0.0.1", kwire_mock_port(mock, 1), -1,
				       &connection, error);
	kwire_config_free(config);
	options.timeout_ms = timeout_ms;
	for (int i = 0; i < 2 && result == 0; i++)
		result = kwire_connection_start(connection, &kwire_metadata_api, &request, &options,
						&calls[i], error);
	if (result == 0)
		result = kwire_call_wait(calls[0], -1, &response, error);
	kwire_response_free(response);
	for (int i = 0; i < 2; i++)
		kwire_call_free(calls[i]);
	kwire_connection_close(connection);
	return result;
}

static void each_ends_a_call_as_it_should(void **state)
{
	(void)state;
	for (int kind = 0; kind < KWIRE_MOCK_FAULT_KINDS; kind++) {
		struct kwire_mock_match match = kwire_mock_on(kwire_metadata_api.key);
		struct kwire_mock_fault fault = KWIRE_MOCK_FAULT_INIT;
		struct kwire_error error = KWIRE_ERROR_INIT;
		struct kwire_mock *mock = NULL;
		int result;

		fault.kind = (enum kwire_mock_fault_kind)kind;
		fault.ms = 1;
		fault.data = kwire_bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n", 28);
		if (kind == KWIRE_MOCK_STALL_AFTER_FAULT || kind == KWIRE_MOCK_TRUNCATE_FAULT ||
		    kind == KWIRE_MOCK_CLOSE_AFTER_FAULT || kind == KWIRE_MOCK_RESET_AFTER_FAULT)
			fault.bytes = 12;
		if (kind == KWIRE_MOCK_WRONG_ID_FAULT)
			fault.value = 1000;
		if (kind == KWIRE_MOCK_ERROR_FAULT)
			fault.value = 29;
		if (kind == KWIRE_MOCK_REFUSE_FAULT)
			match.api_key = -1;
		assert_int_equal(kwire_mock_open(NULL, &mock, &error), 0);
		assert_int_equal(kwire_mock_break(mock, &match, &fault, NULL, &error), 0);
		result = call(mock, expected[kind] == KWIRE_ETIMEDOUT ? 100 : 60000, &error);
		/* A reset may come before connect(2) has said that it is done. */
		if (kind == KWIRE_MOCK_REFUSE_FAULT && result == KWIRE_ECONNECT)
			result = KWIRE_EDISCONNECTED;
		if (result != expected[kind])
			fail_msg("%s: %s instead of %s: %s", name_of(fault.kind),
				 kwire_result_name(result), kwire_result_name(expected[kind]),
				 error.message);
		kwire_mock_close(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_ends_a_call_as_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
