/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on their way to a program: one that repeats itself is folded, so
 * that a broker that is down for a night does not fill a disk.  config.c gets
 * here through struct kw_log, so that a silent program links none of it.
 */
#ifndef KW_LOG_H
#define KW_LOG_H

#include "config.h"

struct kw_log_ops {
	int (*open)(struct kwire_config *frozen);
	void (*close)(struct kwire_config *frozen); /* says what was folded and not told */
	void (*line)(const struct kwire_config *config, enum kwire_log_level level,
		     const char *line);
};

enum {
	KW_LOG_KEPT = 4,         /* lines that may repeat at a time */
	KW_LOG_AGAIN_MS = 60000, /* a line that goes on repeating is told so often */
	KW_LOG_LINE = 512,
};

/* One line that was told. */
struct kw_log_kept {
	char text[KW_LOG_LINE];
	uint64_t turn; /* rises with each line told; 0: this place is free */
	enum kwire_log_level level;
	int64_t told_ms;
	uint64_t folded; /* since then */
};

/* What is to be told for a line: what was folded before it, and itself. */
struct kw_log_step {
	bool tell;                     /* the line */
	char before[KW_LOG_LINE + 64]; /* "": nothing */
	enum kwire_log_level before_level;
};

/* The state machine, without clock or lock: takes a line at `now_ms`. */
void kw_log_fold(struct kw_log_kept kept[KW_LOG_KEPT], enum kwire_log_level level, const char *line,
		 int64_t now_ms, struct kw_log_step *step);

#endif
