/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec against what Kafka's own classes wrote: the vectors in
 * tests/conformance/vectors, made by `make conformance-vectors` and described
 * in tests/conformance/FORMAT.md.  Needs no Java.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <kwire/json.h>

#include "../conformance/messages.h"

#if KW_WITH_GZIP
#include <zlib.h>
#endif

#define VECTORS "tests/conformance/vectors/vectors.txt.gz"

struct vector {
	const struct kwire_message *message;
	int16_t version;
	uint8_t *bytes;
	size_t size;
	char *json;
	char *line;
};

static struct vector *vectors;
static int vector_count;

static int digit(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* Takes a line apart, in place. */
static void parse(struct vector *vector, char *line)
{
	char *version = strchr(line, ' ');
	char *hex = strchr(version + 1, ' ') + 1;
	char *json = strchr(hex, ' ') + 1;

	vector->line = line;
	vector->message = messages_find(line, (size_t)(version - line));
	if (vector->message == NULL)
		fail_msg("no such message: %.40s", line);
	vector->version = (int16_t)strtol(version, NULL, 10);
	vector->json = json;
	vector->bytes = (uint8_t *)hex; /* two digits make one byte, so it fits */
	if (hex[0] == '-')
		return;
	for (; hex[0] != ' '; hex += 2)
		vector->bytes[vector->size++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
}

#if KW_WITH_GZIP
static int setup(void **state)
{
	enum {
		LINE_MAX_BYTES = 1 << 20,
		COUNT_MAX = 20000
	};
	gzFile file = gzopen(VECTORS, "rb");
	char *line = malloc(LINE_MAX_BYTES);

	(void)state;
	vectors = calloc(COUNT_MAX, sizeof(*vectors));
	if (file == NULL || line == NULL || vectors == NULL) {
		print_error("cannot read %s (run from the top directory)\n", VECTORS);
		return -1;
	}
	while (gzgets(file, line, LINE_MAX_BYTES) != NULL && vector_count < COUNT_MAX) {
		line[strcspn(line, "\n")] = '\0';
		parse(&vectors[vector_count++], strdup(line));
	}
	free(line);
	return gzclose(file) == Z_OK ? 0 : -1;
}
#else
static int setup(void **state)
{
	(void)state;
	return 0;
}
#endif

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < vector_count; i++)
		free(vectors[i].line);
	free(vectors);
	return 0;
}

static void must(int result, const struct vector *vector, const struct kwire_error *error)
{
	if (result != 0)
		fail_msg("%s v%d, %s: %s", vector->message->name, vector->version, vector->json,
			 error->message);
}

/* Encodes `message` as the vector's and compares the bytes. */
static void must_encode(const struct vector *vector, const void *message)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	uint8_t *bytes = malloc(vector->size + 1);
	size_t size = 0;

	assert_non_null(bytes);
	must(kwire_message_encode(vector->message, message, vector->version, bytes,
				  vector->size + 1, &size, &error),
	     vector, &error);
	if (size != vector->size || memcmp(bytes, vector->bytes, size) != 0)
		fail_msg("%s v%d, %s: encoded to other bytes than Kafka's", vector->message->name,
			 vector->version, vector->json);
	free(bytes);
}

static void every_message_and_version_has_at_least_four_vectors(void **state)
{
	struct kwire_message messages[MESSAGES_MAX];
	int count = messages_all(messages);
	int pairs = 0;

	(void)state;
	if (!KW_WITH_GZIP)
		skip();
	for (int i = 0; i < count; i++) {
		for (int16_t version = messages[i].min_version; version <= messages[i].max_version;
		     version++) {
			int found = 0;

			for (int v = 0; v < vector_count; v++)
				found += vectors[v].version == version &&
					 strcmp(vectors[v].message->name, messages[i].name) == 0;
			if (found < 4)
				fail_msg("%s v%d has %d vectors", messages[i].name, version, found);
			pairs++;
		}
	}
	assert_true(pairs > 600);
}

static void what_kafka_wrote_is_read_and_written_back_byte_for_byte(void **state)
{
	(void)state;
	if (!KW_WITH_GZIP)
		skip();
	for (int i = 0; i < vector_count; i++) {
		struct kwire_error error = KWIRE_ERROR_INIT;
		void *message = NULL;

		must(kwire_message_decode(vectors[i].message, vectors[i].bytes, vectors[i].size,
					  vectors[i].version, &message, &error),
		     &vectors[i], &error);
		must_encode(&vectors[i], message);
		kwire_response_free(message);
	}
}

static void what_kafka_wrote_reads_as_the_json_that_kafka_prints(void **state)
{
	(void)state;
	if (!KW_WITH_GZIP)
		skip();
	for (int i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		const struct kwire_description *description = kwire_describe(vector->message->name);
		struct kwire_error error = KWIRE_ERROR_INIT;
		void *message = NULL;
		char *text = NULL;

		assert_non_null(description);
		must(kwire_message_decode(vector->message, vector->bytes, vector->size,
					  vector->version, &message, &error),
		     vector, &error);
		must(kwire_json_print(description, message, vector->version, 0, &text, NULL,
				      &error),
		     vector, &error);
		if (strcmp(text, vector->json) != 0)
			fail_msg("%s v%d: kwire prints %s where Kafka prints %s",
				 vector->message->name, vector->version, text, vector->json);
		kwire_json_free(text);
		kwire_response_free(message);
	}
}

static void the_json_that_kafka_prints_is_written_as_kafka_writes_it(void **state)
{
	(void)state;
	if (!KW_WITH_GZIP)
		skip();
	for (int i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		const struct kwire_description *description = kwire_describe(vector->message->name);
		struct kwire_error error = KWIRE_ERROR_INIT;
		void *from_json = NULL;
		void *from_bytes = NULL;

		must(kwire_json_read(description, vector->json, strlen(vector->json),
				     vector->version, 0, &from_json, &error),
		     vector, &error);
		must_encode(vector, from_json);
		must(kwire_message_decode(vector->message, vector->bytes, vector->size,
					  vector->version, &from_bytes, &error),
		     vector, &error);
		if (!kwire_message_equal(description, from_json, from_bytes))
			fail_msg("%s v%d: %s reads differently from its bytes",
				 vector->message->name, vector->version, vector->json);
		kwire_response_free(from_json);
		kwire_response_free(from_bytes);
	}
}

static void a_message_cut_short_or_too_long_is_refused(void **state)
{
	(void)state;
	if (!KW_WITH_GZIP)
		skip();
	for (int i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		uint8_t *bytes = malloc(vector->size + 1);

		assert_non_null(bytes);
		memcpy(bytes, vector->bytes, vector->size);
		bytes[vector->size] = 0;
		for (size_t size = 0; size <= vector->size + 1; size++) {
			struct kwire_error error = KWIRE_ERROR_INIT;
			void *message = NULL;

			if (size == vector->size)
				continue;
			if (kwire_message_decode(vector->message, bytes, size, vector->version,
						 &message, &error) != KWIRE_EDECODE)
				fail_msg("%s v%d of %lu bytes decodes from %lu",
					 vector->message->name, vector->version,
					 (unsigned long)vector->size, (unsigned long)size);
			assert_null(message);
			assert_true(error.message[0] != '\0');
		}
		free(bytes);
	}
}

struct traced {
	bool broken;
	size_t size;
};

static int look(void *context, const char *text, size_t size)
{
	struct traced *traced = context;

	traced->broken |= size > 12 && (memcmp(text, "\n    (here the", 14) == 0 ||
					memmem(text, size, " bytes more)", 12) != NULL ||
					memmem(text, size, "not known here", 14) != NULL);
	traced->size += size;
	return 0;
}

/* The trace reads by the descriptions alone: it has to come out at the end of every message. */
static void every_request_and_response_is_traced_to_its_end(void **state)
{
	int traced_count = 0;

	(void)state;
	if (!KW_WITH_GZIP)
		skip();
	for (int i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		const struct kwire_description *described = kwire_describe(vector->message->name);
		struct kwire_frame_event event = {.size = sizeof(event)};
		struct traced traced = {false, 0};
		uint8_t *frame = calloc(1, vector->size + 11);
		size_t header = 4;

		assert_non_null(frame);
		if (described == NULL || described->kind > KWIRE_KIND_RESPONSE) {
			free(frame);
			continue;
		}
		event.response = described->kind == KWIRE_KIND_RESPONSE;
		event.api_key = described->api_key;
		event.api_version = vector->version;
		if (!event.response) {
			memset(frame + 8, 0xff, 2); /* no client id */
			header = 10;
		}
		if (vector->version >= described->first_flexible_version &&
		    !(event.response && event.api_key == 18))
			header++;
		memcpy(frame + header, vector->bytes, vector->size);
		event.bytes = header + vector->size + 4;
		/* Kafka's error 35 says that the answer is of version 0. */
		if (!(event.response && event.api_key == 18 && vector->size >= 2 &&
		      vector->bytes[0] == 0 && vector->bytes[1] == 35))
			kwire_trace_fields(&event, frame, header + vector->size, look, &traced);
		free(frame);
		if (traced.broken)
			fail_msg("%s v%d, %s: not traced to its end", vector->message->name,
				 vector->version, vector->json);
		traced_count++;
	}
	assert_true(traced_count > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_and_version_has_at_least_four_vectors),
		cmocka_unit_test(what_kafka_wrote_is_read_and_written_back_byte_for_byte),
		cmocka_unit_test(what_kafka_wrote_reads_as_the_json_that_kafka_prints),
		cmocka_unit_test(the_json_that_kafka_prints_is_written_as_kafka_writes_it),
		cmocka_unit_test(a_message_cut_short_or_too_long_is_refused),
		cmocka_unit_test(every_request_and_response_is_traced_to_its_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
