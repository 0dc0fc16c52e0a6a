/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct kwire_config: made, set, read, frozen, freed.  See kwire/config.h for
 * programs, config.h for the library, table.def for the properties.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "../base/error.h"
#include "internal.h"
#include "log.h"
#include "table.h"
#include "value.h"
#include "watch.h"

struct kwire_config *kwire_config_new_with(const struct kwire_allocator *allocator)
{
	struct kw_memory *memory;
	struct kwire_config *config;

	if (allocator != NULL &&
	    (allocator->size < sizeof(*allocator) || allocator->allocate == NULL ||
	     allocator->reallocate == NULL || allocator->release == NULL))
		return NULL;
	memory = kw_memory_new(allocator, 0);
	if (memory == NULL)
		return NULL;
	config = kw_zalloc(memory, sizeof(*config));
	if (config == NULL) {
		kw_memory_put(memory);
		return NULL;
	}
	config->memory = memory;
	if (allocator != NULL)
		config->allocator = *allocator;
	atomic_init(&config->references, 1);
	kw_settings_init(&config->settings);
	return config;
}

struct kwire_config *kwire_config_new(void)
{
	return kwire_config_new_with(NULL);
}

void kwire_config_free(struct kwire_config *config)
{
	struct kw_memory *memory;

	if (config == NULL)
		return;
	memory = config->memory;
	if (config->security != NULL)
		config->security_free(config->security);
	if (config->watch != NULL)
		config->watch->ops->free(config->watch);
	if (config->tokens != NULL)
		config->tokens_free(config->tokens);
	if (config->log.fold != NULL)
		config->log.ops->close(config);
	kw_settings_fini(&config->settings);
	kw_free(config->ignored);
	kw_free(config);
	kw_memory_put(memory);
}

int kw_config_draft(struct kwire_config *draft, const struct kwire_config *config,
		    struct kwire_error *error)
{
	memset(draft, 0, sizeof(*draft));
	draft->memory = config->memory;
	if (config->ignored != NULL) {
		draft->ignored = kw_strdup(draft->memory, config->ignored);
		if (draft->ignored == NULL)
			return kw_fail_memory(error);
	}
	if (kw_settings_copy(&draft->settings, &config->settings, draft->memory) != 0) {
		kw_free(draft->ignored);
		return kw_fail_memory(error);
	}
	return 0;
}

void kw_config_discard(struct kwire_config *draft)
{
	kw_settings_fini(&draft->settings);
	kw_free(draft->ignored);
}

void kw_config_adopt(struct kwire_config *config, struct kwire_config *draft)
{
	kw_settings_fini(&config->settings);
	kw_free(config->ignored);
	config->settings = draft->settings;
	config->ignored = draft->ignored;
}

/* Whether `name` is one of the items of "a, b, c". */
static bool listed(const char *list, const char *name)
{
	size_t size = strlen(name);

	while (list != NULL) {
		if (strncmp(list, name, size) == 0 && (list[size] == '\0' || list[size] == ','))
			return true;
		list = strchr(list, ',');
		if (list != NULL)
			list += strlen(", ");
	}
	return false;
}

static int note_ignored(struct kwire_config *config, const char *name, struct kwire_error *error)
{
	size_t size = config->ignored != NULL ? strlen(config->ignored) : 0;
	char *list;

	if (listed(config->ignored, name))
		return 0;
	list = kw_realloc(config->memory, config->ignored, size + strlen(name) + 3);
	if (list == NULL)
		return kw_fail_memory(error);
	snprintf(list + size, strlen(name) + 3, "%s%s", size > 0 ? ", " : "", name);
	config->ignored = list;
	return 0;
}

int kwire_config_set(struct kwire_config *config, const char *name, const char *value,
		     struct kwire_error *error)
{
	const struct kw_property_row *row;

	if (config == NULL)
		return kw_fail_memory(error);
	if (name == NULL || value == NULL)
		return kw_fail(error, KWIRE_EINVAL, "a property needs a name and a value");
	row = kw_property_find(name);
	if (row != NULL)
		return kw_settings_set(&config->settings, config->memory, row, value, error);
	if (kw_property_is_pem(name, value))
		return 0;
	if (kw_property_ignored(name))
		return note_ignored(config, name, error);
	return kw_property_unknown(name, error);
}

int kwire_config_get(const struct kwire_config *config, const char *name, char *value, size_t size,
		     struct kwire_error *error)
{
	const struct kw_property_row *row;
	size_t length;

	if (config == NULL)
		return kw_fail_memory(error);
	if (name == NULL || (value == NULL && size > 0))
		return kw_fail(error, KWIRE_EINVAL, "no name, or no place for the value");
	row = kw_property_find(name);
	if (row == NULL)
		return kw_property_unknown(name, error);
	length = kw_settings_text(&config->settings, row, value, size);
	if (length >= size)
		return kw_fail(error, KWIRE_ETOOLARGE, "%s is %zu bytes long", row->name, length);
	return 0;
}

int kwire_config_set_resolver(struct kwire_config *config, kwire_resolve_function *resolve,
			      void *context)
{
	if (config == NULL)
		return KWIRE_ENOMEM;
	config->resolve = resolve;
	config->resolve_context = context;
	return 0;
}

int kwire_config_set_dialer(struct kwire_config *config, kwire_dial_function *dial, void *context)
{
	if (config == NULL)
		return KWIRE_ENOMEM;
	config->dial = dial;
	config->dial_context = context;
	return 0;
}

struct kwire_config *kw_config_freeze(const struct kwire_config *config, struct kwire_error *error)
{
	const struct kwire_allocator *allocator;
	struct kwire_config *copy;
	int64_t cap;

	if (config == NULL) {
		kw_fail_memory(error);
		return NULL;
	}
	allocator = config->allocator.size > 0 ? &config->allocator : NULL;
	copy = kwire_config_new_with(allocator);
	if (copy == NULL) {
		kw_fail_memory(error);
		return NULL;
	}
	cap = config->settings.memory_max_bytes;
	kw_memory_set_max(copy->memory, (uint64_t)cap > SIZE_MAX ? SIZE_MAX : (size_t)cap);
	if (kw_settings_copy(&copy->settings, &config->settings, copy->memory) != 0) {
		kwire_config_free(copy);
		kw_fail_memory(error);
		return NULL;
	}
	copy->log = config->log;
	if (copy->log.write != NULL && copy->log.ops->open(copy) != 0) {
		kwire_config_free(copy);
		kw_fail_memory(error);
		return NULL;
	}
	copy->resolve = config->resolve;
	copy->resolve_context = config->resolve_context;
	copy->dial = config->dial;
	copy->dial_context = config->dial_context;
	copy->hooks = config->hooks;
	if (config->watch != NULL && config->watch->ops->copy(config->watch, copy) != 0) {
		kwire_config_free(copy);
		kw_fail_memory(error);
		return NULL;
	}
	if (config->ignored != NULL)
		kw_log(copy, KWIRE_LOG_WARNING, "properties that mean nothing here: %s",
		       config->ignored);
	return copy;
}

struct kwire_config *kw_config_get(struct kwire_config *config)
{
	atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
	return config;
}

void kw_config_put(struct kwire_config *config)
{
	if (config != NULL &&
	    atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) == 1)
		kwire_config_free(config);
}

void kw_log(const struct kwire_config *config, enum kwire_log_level level, const char *format, ...)
{
	char line[512];
	va_list arguments;

	if (config->log.write == NULL || level > config->settings.log_level)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	config->log.ops->line(config, level, line);
}
