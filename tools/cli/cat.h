/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of `kwire cat` share: command_cat.c reads the options,
 * cat_produce.c and cat_consume.c do the work, cat_format.c prints a record.
 */
#ifndef CAT_H
#define CAT_H

#include <kwire/api/metadata.h>

#include "cli.h"

struct cat {
	struct cli *cli;
	const char *topic;
	int64_t partition;   /* -1: all of them, or by key */
	int64_t count;       /* of records, then stop; 0: no limit */
	bool exit_at_end;    /* -e */
	bool quiet;          /* -q */
	bool nulls;          /* -Z */
	char *key_delimiter; /* -K, unescaped; NULL: no keys */
	size_t key_delimiter_size;
	char *delimiter; /* -D, unescaped */
	size_t delimiter_size;
	const char *format; /* -f, unescaped; NULL: key, delimiters and value */
	size_t format_size;
	bool json;          /* -J: an object a record */
	const char *offset; /* -o as given, where to begin; NULL: beginning */
	int64_t stop_ms;    /* -o e@MS: records of that time and later are not wanted; -1: none */
	struct kwire_header headers[CLI_MOST_GIVEN]; /* -H */
	int32_t header_count;
	enum kwire_isolation isolation;
	enum kwire_codec codec;
	int32_t level;
	int32_t acks;

	/* Progress. */
	bool progress; /* standard error is a terminal, and standard output is not */
	int64_t started_ms;
	int64_t shown_ms;
	int64_t records;
	int64_t bytes;
};

int cat_produce(struct cat *cat);
int cat_consume(struct cat *cat);

/* Metadata of the topic, waiting for it to have leaders; NULL after a message. */
struct kwire_metadata_response *cat_metadata(struct cat *cat, bool create);

/* Writes one record to standard output, as -J, -f, -K, -D and -Z say. */
void cat_print(const struct cat *cat, int32_t partition, const struct kwire_record *record);

/* Replaces \n, \t, \xHH and their like in place; the size. */
size_t cat_unescape(char *text);

/* Counts records, and shows how it goes. */
void cat_progress(struct cat *cat, int64_t records, int64_t bytes, bool last);

/* Milliseconds on the monotonic clock, and a pause that Ctrl-C ends. */
int64_t cat_now_ms(void);
void cat_pause(int64_t ms);

#endif
