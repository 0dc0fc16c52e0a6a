/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire's side of the conformance test: one request a line on standard input,
 * one answer a line on standard output.  FORMAT.md says what they look like;
 * the oracle starts this.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kwire/json.h>

#include "messages.h"

struct request {
	const struct kwire_message *type;
	const struct kwire_description *description;
	int16_t version;
	const char *rest; /* JSON, or bytes in hex */
	size_t rest_size;
};

static void answer_error(const char *text)
{
	fputs("error ", stdout);
	for (; *text != '\0'; text++)
		putchar(*text == '\n' ? ' ' : *text);
	putchar('\n');
}

static void put_hex(const uint8_t *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (size == 0)
		putchar('-');
	for (size_t i = 0; i < size; i++) {
		putchar(digits[data[i] >> 4]);
		putchar(digits[data[i] & 15]);
	}
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of a hex text, for free(); NULL: it is none. */
static uint8_t *get_hex(const char *text, size_t size, size_t *bytes)
{
	uint8_t *data = malloc(size / 2 + 1);

	*bytes = 0;
	if (size == 1 && text[0] == '-')
		return data;
	for (size_t i = 0; data != NULL && i + 1 < size; i += 2) {
		int high = digit(text[i]), low = digit(text[i + 1]);

		if (high < 0 || low < 0) {
			free(data);
			return NULL;
		}
		data[(*bytes)++] = (uint8_t)(high << 4 | low);
	}
	return data;
}

/* The bytes of a message, for free(). */
static uint8_t *encode(const struct request *request, const void *message, size_t *size,
		       struct kwire_error *error)
{
	uint8_t *data;
	int result = kwire_message_encode(request->type, message, request->version, NULL, 0, size,
					  error);

	if (result != KWIRE_OK && result != KWIRE_ETOOLARGE)
		return NULL;
	data = malloc(*size + 1);
	if (data == NULL || kwire_message_encode(request->type, message, request->version, data,
						 *size, size, error) != KWIRE_OK) {
		free(data);
		return NULL;
	}
	return data;
}

static void do_encode(const struct request *request)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	uint8_t *data = NULL;
	void *message;
	size_t size;

	if (kwire_json_read(request->description, request->rest, request->rest_size,
			    request->version, 0, &message, &error) != 0) {
		answer_error(error.message);
		return;
	}
	data = encode(request, message, &size, &error);
	if (data == NULL) {
		answer_error(error.message);
	} else {
		fputs("ok ", stdout);
		put_hex(data, size);
		putchar('\n');
	}
	free(data);
	kwire_response_free(message);
}

static void answer_decoded(const struct request *request, const void *message)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	char *text = NULL;
	size_t size;
	uint8_t *data = encode(request, message, &size, &error);

	if (data == NULL || kwire_json_print(request->description, message, request->version, 0,
					     &text, NULL, &error) != 0) {
		answer_error(error.message);
	} else {
		fputs("ok ", stdout);
		put_hex(data, size);
		printf(" %s\n", text);
	}
	kwire_json_free(text);
	free(data);
}

static void do_decode(const struct request *request)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	size_t size;
	uint8_t *data = get_hex(request->rest, request->rest_size, &size);
	void *message;

	if (data == NULL) {
		answer_error("no hex");
		return;
	}
	if (kwire_message_decode(request->type, data, size, request->version, &message, &error) !=
	    0) {
		answer_error(error.message);
	} else {
		answer_decoded(request, message);
		kwire_response_free(message);
	}
	free(data);
}

static void do_names(void)
{
	struct kwire_message messages[MESSAGES_MAX];
	int count = messages_all(messages);

	fputs("ok", stdout);
	for (int i = 0; i < count; i++)
		printf(" %s:%d-%d", messages[i].name, messages[i].min_version,
		       messages[i].max_version);
	putchar('\n');
}

/* The next word of a line, which then ends with NUL; NULL: there is none. */
static char *next_word(char **line)
{
	char *word = *line, *blank;

	if (word == NULL || *word == '\0')
		return NULL;
	blank = strchr(word, ' ');
	*line = blank != NULL ? blank + 1 : word + strlen(word);
	if (blank != NULL)
		*blank = '\0';
	return word;
}

static void serve(char *line, size_t size)
{
	char *end = line + size;
	char *verb = next_word(&line), *name = next_word(&line), *version = next_word(&line);
	struct request request;

	if (verb != NULL && strcmp(verb, "names") == 0) {
		do_names();
		return;
	}
	if (version == NULL) {
		answer_error("no request");
		return;
	}
	request.type = messages_find(name, strlen(name));
	request.description = kwire_describe(name);
	request.version = (int16_t)strtol(version, NULL, 10);
	request.rest = line;
	request.rest_size = (size_t)(end - line);
	if (request.type == NULL || request.description == NULL)
		answer_error("no such message");
	else if (strcmp(verb, "encode") == 0)
		do_encode(&request);
	else if (strcmp(verb, "decode") == 0)
		do_decode(&request);
	else
		answer_error("no such request");
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;

	while ((size = getline(&line, &capacity, stdin)) > 0) {
		if (line[size - 1] == '\n')
			line[--size] = '\0';
		serve(line, (size_t)size);
		/* The oracle may wait for this answer before it asks on. */
		fflush(stdout);
	}
	free(line);
	return 0;
}
