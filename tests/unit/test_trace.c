/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces: what a conversation with a mock cluster looks like, that two of the
 * same are equal, and that no secret gets into one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <kwire/api/alter_user_scram_credentials.h>
#include <kwire/api/incremental_alter_configs.h>
#include <kwire/api/metadata.h>
#include <kwire/api/sasl_authenticate.h>
#include <kwire/json.h>
#include <kwire/kwire.h>
#include <kwire/mock.h>
#include <kwire/observe.h>

struct text {
	pthread_mutex_t mutex;
	char data[1 << 18];
	size_t size;
};

static int collect(void *context, const char *data, size_t size)
{
	struct text *text = context;

	pthread_mutex_lock(&text->mutex);
	assert_true(text->size + size < sizeof(text->data));
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
	pthread_mutex_unlock(&text->mutex);
	return 0;
}

static void text_init(struct text *text)
{
	memset(text, 0, sizeof(*text));
	pthread_mutex_init(&text->mutex, NULL);
}

/* Opens a client on the mock, asks it one thing, and closes it; the trace is in `text`. */
static void converse(struct kwire_mock *mock, struct text *text, kwire_trace_function *fields)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	struct kwire_trace trace = KWIRE_TRACE_INIT;
	struct kwire_client *client = NULL;
	struct kwire_error error;

	text_init(text);
	trace.write = collect;
	trace.context = text;
	trace.fields = fields;
	trace.flags = KWIRE_TRACE_NO_TIMES;
	assert_int_equal(kwire_config_trace(config, &trace, &error), 0);
	assert_int_equal(
		kwire_config_set(config, "bootstrap.servers", kwire_mock_bootstrap(mock), &error),
		0);
	assert_int_equal(kwire_client_open(config, &client, &error), 0);
	kwire_config_free(config);
	assert_int_equal(kwire_send_metadata(client, &request, &response, &error), 0);
	kwire_response_free(response);
	kwire_client_close(client);
}

static struct kwire_mock *open_mock(void)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_mock *mock = NULL;

	options.brokers = 1;
	assert_int_equal(kwire_mock_open(&options, &mock, NULL), 0);
	return mock;
}

/* The parts stand in the text one after the other. */
static void expect_in_order(const char *text, const char *const *parts, int count)
{
	const char *at = text;

	for (int i = 0; i < count; i++) {
		at = strstr(at, parts[i]);
		if (at == NULL)
			fail_msg("'%s' is missing (or too early) in:\n%s", parts[i], text);
		at += strlen(parts[i]);
	}
}

static void a_conversation_is_told_field_by_field(void **state)
{
	static const char *const parts[] = {" > ApiVersions v",
					    " id 0, ",
					    " bytes\n",
					    "    (clientId): \"kwire\"\n",
					    "    clientSoftwareName: \"kwire\"\n",
					    " < ApiVersions v",
					    "    errorCode: 0\n",
					    "    apiKeys:\n",
					    "    - apiKey: 0\n",
					    "      minVersion: ",
					    " = connected\n",
					    " > Metadata v",
					    "    topics: []\n",
					    " < Metadata v",
					    "    brokers:\n",
					    "    - nodeId: 1\n",
					    "      host: \"127.0.0.1\"\n",
					    "      rack: ",
					    "    controllerId: 1\n",
					    " = disconnected: "};
	struct kwire_mock *mock = open_mock();
	static struct text text;

	(void)state;
	converse(mock, &text, kwire_trace_fields);
	expect_in_order(text.data, parts, sizeof(parts) / sizeof(parts[0]));
	assert_null(strstr(text.data, "breaks off"));
	kwire_mock_close(mock);
}

static void the_same_conversation_twice_is_the_same_text(void **state)
{
	struct kwire_mock *mock = open_mock();
	static struct text first, second;

	(void)state;
	converse(mock, &first, kwire_trace_fields);
	converse(mock, &second, kwire_trace_fields);
	assert_string_equal(first.data, second.data);
	kwire_mock_close(mock);
}

static void without_descriptions_bytes_are_in_hex(void **state)
{
	/* Length word left out: key 3, the version, id 16. */
	static const char *const parts[] = {" > Metadata v", "\n    0000: 00 03 00 ",
					    " 00 00 00 10 00 05 6b 77 69 72 65 "};
	struct kwire_mock *mock = open_mock();
	static struct text text;

	(void)state;
	converse(mock, &text, NULL);
	expect_in_order(text.data, parts, 3);
	kwire_mock_close(mock);
}

/* -- secrets ------------------------------------------------------------------- */

/* The trace of a request of this body, as one frame event, field by field or in hex. */
static void trace_request(struct text *text, const struct kwire_api *api, int16_t version,
			  const uint8_t *body, size_t size)
{
	uint8_t frame[1000] = {0, (uint8_t)api->key, 0, (uint8_t)version, 0, 0, 0, 1, 0xff, 0xff};
	struct kwire_frame_event event = {.size = sizeof(event),
					  .api_key = api->key,
					  .api_version = version,
					  .correlation_id = 1};
	size_t header = 10;

	if (version >= api->first_flexible_version)
		frame[header++] = 0;
	memcpy(frame + header, body, size);
	event.bytes = header + size + 4;
	text_init(text);
	kwire_trace_fields(&event, frame, header + size, collect, text);
}

/* Encodes any request's struct by its API's own encoder. */
static size_t encode(const struct kwire_api *api, int16_t version, const void *request,
		     uint8_t *body, size_t capacity)
{
	struct kwire_message message = {.name = api->name,
					.max_version = version,
					.first_flexible_version = api->first_flexible_version,
					.size = api->request_size,
					.encode = api->encode_request};
	size_t size = 0;

	assert_int_equal(
		kwire_message_encode(&message, request, version, body, capacity, &size, NULL), 0);
	return size;
}

static void passwords_and_tokens_are_masked(void **state)
{
	struct kwire_alter_user_scram_credentials_request scram =
		KWIRE_ALTER_USER_SCRAM_CREDENTIALS_REQUEST_INIT;
	struct kwire_alter_user_scram_credentials_request_upsertion upsertion =
		KWIRE_ALTER_USER_SCRAM_CREDENTIALS_REQUEST_UPSERTION_INIT;
	struct kwire_sasl_authenticate_request sasl = KWIRE_SASL_AUTHENTICATE_REQUEST_INIT;
	static struct text text;
	uint8_t body[500];
	size_t size;

	(void)state;
	upsertion.name = KWIRE_STRING("alice");
	upsertion.salt = kwire_bytes_of("Salty", 5);
	upsertion.salted_password = kwire_bytes_of("Sesame", 6);
	scram.upsertions.items = &upsertion;
	scram.upsertions.count = 1;
	size = encode(&kwire_alter_user_scram_credentials_api, 0, &scram, body, sizeof(body));
	trace_request(&text, &kwire_alter_user_scram_credentials_api, 0, body, size);
	assert_non_null(strstr(text.data, "name: \"alice\"\n"));
	assert_non_null(strstr(text.data, "salt: (hidden)\n"));
	assert_non_null(strstr(text.data, "saltedPassword: (hidden)\n"));
	assert_null(strstr(text.data, "536573616d65"));
	assert_null(strstr(text.data, "Sesame"));

	sasl.auth_bytes = kwire_bytes_of("\0alice\0Sesame", 13);
	size = encode(&kwire_sasl_authenticate_api, 2, &sasl, body, sizeof(body));
	trace_request(&text, &kwire_sasl_authenticate_api, 2, body, size);
	assert_non_null(strstr(text.data, "authBytes: (hidden)\n"));
	assert_null(strstr(text.data, "breaks off"));
}

static void configurations_that_hold_secrets_are_masked_and_others_not(void **state)
{
	struct kwire_incremental_alter_configs_request request =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_INIT;
	struct kwire_incremental_alter_configs_request_resource resource =
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_INIT;
	struct kwire_incremental_alter_configs_request_resource_config configs[2] = {
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_CONFIG_INIT,
		KWIRE_INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE_CONFIG_INIT};
	static struct text text;
	uint8_t body[500];
	size_t size;

	(void)state;
	configs[0].name = KWIRE_STRING("listener.name.x.ssl.keystore.Password");
	configs[0].value = KWIRE_STRING("Sesame");
	configs[1].name = KWIRE_STRING("retention.ms");
	configs[1].value = KWIRE_STRING("4711");
	resource.configs.items = configs;
	resource.configs.count = 2;
	request.resources.items = &resource;
	request.resources.count = 1;
	size = encode(&kwire_incremental_alter_configs_api, 1, &request, body, sizeof(body));
	trace_request(&text, &kwire_incremental_alter_configs_api, 1, body, size);
	assert_null(strstr(text.data, "Sesame"));
	assert_non_null(strstr(text.data, "value: (hidden)\n"));
	assert_non_null(strstr(text.data, "value: \"4711\"\n"));
}

static void every_field_that_sounds_like_a_secret_is_known_here(void **state)
{
	/* Names that are none: the text of what is asked for, or an id. */
	static const char *const harmless[] = {"token_id", "token_requester_principal_type",
					       "token_requester_principal_name",
					       "token_authenticated", "tokens"};
	static const char *const masked[] = {"auth_bytes", "salt", "salted_password", "hmac"};

	(void)state;
	for (int i = 0; i < kwire_all_descriptions_count; i++) {
		const struct kwire_struct_description *root = kwire_all_descriptions[i]->root;

		for (int j = 0; j < root->field_count; j++) {
			const char *name = root->fields[j].name;
			bool known = false;

			if (strstr(name, "password") == NULL && strstr(name, "token") == NULL &&
			    strstr(name, "secret") == NULL && strstr(name, "hmac") == NULL &&
			    strstr(name, "salt") == NULL)
				continue;
			for (size_t k = 0; k < sizeof(harmless) / sizeof(harmless[0]); k++)
				known |= strcmp(name, harmless[k]) == 0;
			for (size_t k = 0; k < sizeof(masked) / sizeof(masked[0]); k++)
				known |= strcmp(name, masked[k]) == 0;
			if (!known)
				fail_msg("is %s of %s a secret?", name,
					 kwire_all_descriptions[i]->name);
		}
	}
}

/* -- a broken frame -------------------------------------------------------------- */

static void a_frame_that_breaks_off_anywhere_is_printed_as_far_as_it_goes(void **state)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_request_topic topics[3] = {KWIRE_METADATA_REQUEST_TOPIC_INIT,
							 KWIRE_METADATA_REQUEST_TOPIC_INIT,
							 KWIRE_METADATA_REQUEST_TOPIC_INIT};
	static struct text text;
	uint8_t body[500];
	size_t size;

	(void)state;
	for (int i = 0; i < 3; i++)
		topics[i].name = KWIRE_STRING("topic");
	request.topics.items = topics;
	request.topics.count = 3;
	size = encode(&kwire_metadata_api, 12, &request, body, sizeof(body));
	for (size_t cut = 0; cut < size; cut++) {
		/* A copy of exactly that size, so that a sanitizer sees a byte too many. */
		uint8_t *part = malloc(cut + 1);

		memcpy(part, body, cut);
		trace_request(&text, &kwire_metadata_api, 12, part, cut);
		assert_non_null(strstr(text.data, "breaks off"));
		free(part);
	}
	trace_request(&text, &kwire_metadata_api, 12, body, size);
	assert_null(strstr(text.data, "breaks off"));
}

static void a_trace_without_a_writer_is_an_error(void **state)
{
	struct kwire_config *config = kwire_config_new();
	struct kwire_trace trace = KWIRE_TRACE_INIT;
	struct kwire_error error;

	(void)state;
	assert_int_equal(kwire_config_trace(config, &trace, &error), KWIRE_EINVAL);
	assert_int_equal(kwire_config_trace(config, NULL, &error), KWIRE_EINVAL);
	kwire_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_is_told_field_by_field),
		cmocka_unit_test(the_same_conversation_twice_is_the_same_text),
		cmocka_unit_test(without_descriptions_bytes_are_in_hex),
		cmocka_unit_test(passwords_and_tokens_are_masked),
		cmocka_unit_test(configurations_that_hold_secrets_are_masked_and_others_not),
		cmocka_unit_test(every_field_that_sounds_like_a_secret_is_known_here),
		cmocka_unit_test(a_frame_that_breaks_off_anywhere_is_printed_as_far_as_it_goes),
		cmocka_unit_test(a_trace_without_a_writer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
