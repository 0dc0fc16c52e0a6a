/* SPDX-License-Identifier: Apache-2.0 */
/* How `kwire cat` prints records (kcat's -f), and how far it has come. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "cat.h"
#include "output.h"

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

size_t cat_unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (*from != '\\' || from[1] == '\0') {
			*to++ = *from;
			continue;
		}
		switch (*++from) {
		case 'n':
			*to++ = '\n';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 't':
			*to++ = '\t';
			break;
		case '0':
			*to++ = '\0';
			break;
		case 'x':
			if (digit(from[1]) >= 0) {
				int value = digit(*++from);

				if (digit(from[1]) >= 0)
					value = value * 16 + digit(*++from);
				*to++ = (char)value;
				break;
			}
			*to++ = 'x';
			break;
		default:
			*to++ = *from;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}

static void print_bytes(const struct cat *cat, struct kwire_bytes bytes)
{
	if (bytes.data == NULL) {
		if (cat->nulls)
			fputs("NULL", stdout);
		return;
	}
	fwrite(bytes.data, 1, (size_t)bytes.size, stdout);
}

static void print_headers(const struct cat *cat, struct kwire_headers headers)
{
	struct kwire_header header;
	const char *separator = "";

	while (kwire_headers_next(&headers, &header)) {
		printf("%s%.*s=", separator, (int)header.key.size, header.key.data);
		if (header.value.data == NULL)
			fputs("NULL", stdout);
		else
			print_bytes(cat, header.value);
		separator = ",";
	}
}

static void print_size(struct kwire_bytes bytes)
{
	printf("%" PRId32, bytes.data == NULL ? -1 : bytes.size);
}

static void print_binary_size(struct kwire_bytes bytes)
{
	uint32_t size = bytes.data == NULL ? UINT32_MAX : (uint32_t)bytes.size;

	for (int shift = 24; shift >= 0; shift -= 8)
		putchar((int)(size >> shift & 0xff));
}

static void print_token(const struct cat *cat, char token, int32_t partition,
			const struct kwire_record *record)
{
	switch (token) {
	case 's':
		print_bytes(cat, record->value);
		break;
	case 'S':
		print_size(record->value);
		break;
	case 'R':
		print_binary_size(record->value);
		break;
	case 'k':
		print_bytes(cat, record->key);
		break;
	case 'K':
		print_size(record->key);
		break;
	case 'T':
		printf("%" PRId64, record->timestamp);
		break;
	case 'h':
		print_headers(cat, record->headers);
		break;
	case 't':
		fputs(cat->topic, stdout);
		break;
	case 'p':
		printf("%" PRId32, partition);
		break;
	case 'o':
		printf("%" PRId64, record->offset);
		break;
	default:
		putchar(token);
	}
}

/* Text as a JSON string; what is no text, in base64, as {"base64": ...}: nothing is lost. */
static json_t *json_bytes(struct kwire_bytes bytes)
{
	json_t *value;
	char *text;

	if (bytes.data == NULL)
		return json_null();
	value = json_stringn((const char *)bytes.data, (size_t)bytes.size);
	if (value != NULL)
		return value;
	text = malloc(kw_base64_size((size_t)bytes.size));
	if (text == NULL)
		return NULL;
	kw_base64_encode(bytes.data, (size_t)bytes.size, false, text);
	value = json_pack("{s:s}", "base64", text);
	free(text);
	return value;
}

/* kcat's envelope, without what a record does not say of itself. */
static void print_json(const struct cat *cat, int32_t partition, const struct kwire_record *record)
{
	struct kwire_headers headers = record->headers;
	struct kwire_header header;
	json_t *list = json_array();
	json_t *object;

	while (kwire_headers_next(&headers, &header)) {
		json_array_append_new(list, out_json_string(header.key));
		json_array_append_new(list, json_bytes(header.value));
	}
	object = json_pack("{s:s,s:i,s:I,s:I,s:o,s:o,s:o}", "topic", cat->topic, "partition",
			   (int)partition, "offset", (json_int_t)record->offset, "ts",
			   (json_int_t)record->timestamp, "headers", list, "key",
			   json_bytes(record->key), "payload", json_bytes(record->value));
	if (object == NULL || json_dumpf(object, stdout, JSON_COMPACT) != 0) {
		fputs("kwire: out of memory\n", stderr);
		exit(CLI_FAILURE);
	}
	json_decref(object);
	putchar('\n');
}

void cat_print(const struct cat *cat, int32_t partition, const struct kwire_record *record)
{
	if (cat->json) {
		print_json(cat, partition, record);
		return;
	}
	if (cat->format == NULL) {
		if (cat->key_delimiter != NULL) {
			print_bytes(cat, record->key);
			fwrite(cat->key_delimiter, 1, cat->key_delimiter_size, stdout);
		}
		print_bytes(cat, record->value);
		fwrite(cat->delimiter, 1, cat->delimiter_size, stdout);
		return;
	}
	for (const char *p = cat->format, *end = p + cat->format_size; p < end; p++)
		if (*p == '%' && end - p > 1)
			print_token(cat, *++p, partition, record);
		else
			putchar(*p);
}

int64_t cat_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cat_pause(int64_t ms)
{
	int64_t end = cat_now_ms() + ms;

	while (!cli_interrupted() && cat_now_ms() < end) {
		struct timespec piece = {0, 20 * 1000 * 1000};

		nanosleep(&piece, NULL);
	}
}

void cat_progress(struct cat *cat, int64_t records, int64_t bytes, bool last)
{
	int64_t now;
	double seconds;

	cat->records += records;
	cat->bytes += bytes;
	if (!cat->progress || cat->quiet)
		return;
	now = cat_now_ms();
	if (!last && now - cat->shown_ms < 500)
		return;
	cat->shown_ms = now;
	seconds = (double)(now - cat->started_ms + 1) / 1000;
	fprintf(stderr, "\r%% %" PRId64 " records, %.1f MB, %.1f MB/s \033[K%s", cat->records,
		(double)cat->bytes / 1e6, (double)cat->bytes / 1e6 / seconds, last ? "\n" : "");
}
