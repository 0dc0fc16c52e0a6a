/* SPDX-License-Identifier: Apache-2.0 */
/* What kwire/observe.h asks of a client: its config has it all. */
#include <unistd.h>

#include "../client/edge.h"
#include "stats.h"

int kwire_client_stats(struct kwire_client *client, struct kwire_stats **stats,
		       struct kwire_error *error)
{
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != KWIRE_OK)
		return result;
	result = stats == NULL ? kw_fail(error, KWIRE_EINVAL, "nowhere to put the statistics")
			       : kw_stats_take(client->config, stats, error);
	return kw_edge_leave(&edge, result, error);
}

void kwire_client_recent(struct kwire_client *client, kwire_write_function *write, void *context)
{
	/* A signal handler's: nothing but reading. */
	if (client != NULL)
		kw_recent_write(kw_stats_of(client->config), write, context);
}

static int write_to(void *context, const char *text, size_t size)
{
	const int *fd = context;
	ssize_t put;

	while (size > 0) {
		put = write(*fd, text, size);
		if (put < 0)
			return KWIRE_EOS;
		text += put;
		size -= (size_t)put;
	}
	return KWIRE_OK;
}

void kwire_client_dump_recent(struct kwire_client *client, int fd)
{
	kwire_client_recent(client, write_to, &fd);
}
