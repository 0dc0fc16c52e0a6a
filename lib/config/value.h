/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of properties: text into struct kw_settings by a row of the table,
 * and back.  Called by config.c only.
 */
#ifndef KW_CONFIG_VALUE_H
#define KW_CONFIG_VALUE_H

#include "table.h"

/* Every value at its default; allocates nothing, cannot fail. */
void kw_settings_init(struct kw_settings *settings);

/* Frees the strings, secrets wiped first; every value is at its default after. */
void kw_settings_fini(struct kw_settings *settings);

/* A deep copy into `to`, which is initialised here; KWIRE_ENOMEM leaves it at the defaults. */
int kw_settings_copy(struct kw_settings *to, const struct kw_settings *from,
		     struct kw_memory *memory);

/* Parses and stores; on failure the setting keeps its value. */
int kw_settings_set(struct kw_settings *settings, struct kw_memory *memory,
		    const struct kw_property_row *row, const char *value,
		    struct kwire_error *error);

/* The value as text into `text`, NUL-terminated; returns its whole length.  Secrets are hidden. */
size_t kw_settings_text(const struct kw_settings *settings, const struct kw_property_row *row,
			char *text, size_t size);

#endif
