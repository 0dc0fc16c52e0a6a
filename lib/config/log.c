/* SPDX-License-Identifier: Apache-2.0 */
/* kwire_config_set_log(), and log.h. */
#include "log.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/lock.h"

struct kw_log_fold {
	struct kw_mutex mutex; /* never held while the program is called */
	struct kw_log_kept kept[KW_LOG_KEPT];
};

static void tell_folded(const struct kw_log_kept *kept, struct kw_log_step *step)
{
	step->before[0] = '\0';
	step->before_level = kept->level;
	if (kept->folded > 0)
		snprintf(step->before, sizeof(step->before), "%s (%llu more times)", kept->text,
			 (unsigned long long)kept->folded);
}

void kw_log_fold(struct kw_log_kept kept[KW_LOG_KEPT], enum kwire_log_level level, const char *line,
		 int64_t now_ms, struct kw_log_step *step)
{
	struct kw_log_kept *oldest = &kept[0];
	uint64_t turn = 0;

	step->tell = true;
	for (int i = 0; i < KW_LOG_KEPT; i++) {
		if (kept[i].turn > turn)
			turn = kept[i].turn;
	}
	for (int i = 0; i < KW_LOG_KEPT; i++) {
		if (kept[i].level == level && strcmp(kept[i].text, line) == 0) {
			oldest = &kept[i];
			if (now_ms - oldest->told_ms < KW_LOG_AGAIN_MS) {
				step->tell = false;
				step->before[0] = '\0';
				oldest->folded++;
				return;
			}
			/* The line itself stands for this time. */
			break;
		}
		if (kept[i].turn < oldest->turn)
			oldest = &kept[i];
	}
	tell_folded(oldest, step);
	snprintf(oldest->text, sizeof(oldest->text), "%s", line);
	oldest->level = level;
	oldest->told_ms = now_ms;
	oldest->folded = 0;
	oldest->turn = turn + 1;
}

static void write_line(const struct kwire_config *config, enum kwire_log_level level,
		       const char *line)
{
	config->log.write(config->log.context, level, line);
}

static void tell(const struct kwire_config *config, enum kwire_log_level level, const char *line)
{
	struct kw_log_fold *fold = config->log.fold;
	struct kw_log_step step;

	if (fold == NULL) {
		write_line(config, level, line);
		return;
	}
	kw_mutex_lock(&fold->mutex);
	kw_log_fold(fold->kept, level, line, kw_now_ms(), &step);
	kw_mutex_unlock(&fold->mutex);
	if (step.before[0] != '\0')
		write_line(config, step.before_level, step.before);
	if (step.tell)
		write_line(config, level, line);
}

static int open_fold(struct kwire_config *frozen)
{
	struct kw_log_fold *fold = kw_zalloc(frozen->memory, sizeof(*fold));

	/* The program's config may be frozen more than once; each copy folds for itself. */
	frozen->log.fold = NULL;
	if (fold == NULL)
		return KWIRE_ENOMEM;
	if (kw_mutex_init(&fold->mutex, KW_RANK_LEAF) != 0) {
		kw_free(fold);
		return KWIRE_ENOMEM;
	}
	frozen->log.fold = fold;
	return KWIRE_OK;
}

static void close_fold(struct kwire_config *frozen)
{
	struct kw_log_fold *fold = frozen->log.fold;
	struct kw_log_step step;

	for (int i = 0; i < KW_LOG_KEPT; i++) {
		tell_folded(&fold->kept[i], &step);
		if (step.before[0] != '\0')
			write_line(frozen, step.before_level, step.before);
	}
	kw_mutex_fini(&fold->mutex);
	kw_free(fold);
}

static const struct kw_log_ops ops = {open_fold, close_fold, tell};

int kwire_config_set_log(struct kwire_config *config, kwire_log_function *log, void *context)
{
	if (config == NULL)
		return KWIRE_ENOMEM;
	config->log.write = log;
	config->log.context = context;
	config->log.ops = &ops;
	return 0;
}
