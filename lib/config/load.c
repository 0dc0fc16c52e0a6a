/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire_config_load(): a file of properties into a config, all of it or
 * nothing.  The file may hold passwords, so every copy of it is wiped.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../base/error.h"
#include "internal.h"
#include "properties.h"

enum {
	MAX_FILE = 1 << 20
};

/* A text that is overwritten before it is freed. */
struct text {
	struct kw_memory *memory;
	char *data;
	size_t size, capacity;
};

static void text_fini(struct text *text)
{
	if (text->data != NULL)
		kw_wipe(text->data, text->capacity);
	kw_free(text->data);
	text->data = NULL;
}

/* Makes room for `capacity` bytes, not by kw_realloc, which would leave the old bytes behind. */
static int text_reserve(struct text *text, size_t capacity)
{
	char *larger = kw_alloc(text->memory, capacity);
	size_t size = text->size;

	if (larger == NULL)
		return KWIRE_ENOMEM;
	if (text->data != NULL)
		memcpy(larger, text->data, size);
	text_fini(text);
	text->data = larger;
	text->capacity = capacity;
	return 0;
}

static int read_all(int file, struct text *text, const char *path, struct kwire_error *error)
{
	for (;;) {
		ssize_t got;

		if (text->size == text->capacity &&
		    text_reserve(text, text->capacity == 0 ? 4096 : 2 * text->capacity) != 0)
			return kw_fail_memory(error);
		got = read(file, text->data + text->size, text->capacity - text->size);
		if (got == 0)
			return 0;
		if (got > 0)
			text->size += (size_t)got;
		else if (errno != EINTR)
			return kw_fail_errno(error, KWIRE_ECONFIG, KWIRE_PHASE_NONE, errno,
					     "%.200s cannot be read", path);
		if (text->size > MAX_FILE)
			return kw_fail(error, KWIRE_ECONFIG,
				       "%.200s is larger than 1 MiB: no properties file", path);
	}
}

static int read_file(const char *path, struct text *text, struct kwire_error *error)
{
	int file, result;

	do
		file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	while (file < 0 && errno == EINTR);
	if (file < 0)
		return kw_fail_errno(error, KWIRE_ECONFIG, KWIRE_PHASE_NONE, errno,
				     "%.200s cannot be opened", path);
	result = read_all(file, text, path, error);
	close(file);
	return result;
}

static int set_pair(void *context, int line, const char *name, const char *value,
		    struct kwire_error *error)
{
	(void)line;
	return kwire_config_set(context, name, value, error);
}

/* Parses the text into `config`; an error says file and line. */
static int parse(struct kwire_config *config, struct text *file, const char *path,
		 struct kwire_error *error)
{
	struct text utf8 = {config->memory, NULL, 0, 0};
	struct kwire_error cause = kw_no_error();
	size_t size = kw_properties_utf8_size(file->data, file->size);
	int line = 0, result;

	if (text_reserve(&utf8, size + 1) != 0)
		return kw_fail_memory(error);
	kw_properties_to_utf8(file->data, file->size, utf8.data);
	result = kw_properties_parse(utf8.data, size, set_pair, config, &line, &cause);
	text_fini(&utf8);
	if (result != 0)
		kw_fail(error, result, "%.200s:%d: %s", path, line, cause.message);
	return result;
}

int kwire_config_load(struct kwire_config *config, const char *path, struct kwire_error *error)
{
	struct text file;
	struct kwire_config draft;
	int result;

	if (config == NULL)
		return kw_fail_memory(error);
	if (path == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no path given");
	file = (struct text){config->memory, NULL, 0, 0};
	result = read_file(path, &file, error);
	if (result == 0)
		result = kw_config_draft(&draft, config, error);
	if (result == 0) {
		result = parse(&draft, &file, path, error);
		if (result == 0)
			kw_config_adopt(config, &draft);
		else
			kw_config_discard(&draft);
	}
	text_fini(&file);
	return result;
}
