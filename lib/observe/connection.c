/* SPDX-License-Identifier: Apache-2.0 */
/* What kwire/observe.h asks of a connection without a client. */
#include "../base/error.h"
#include "../connection/internal.h"
#include "stats.h"

int kwire_connection_stats(struct kwire_connection *connection, struct kwire_stats **stats,
			   struct kwire_error *error)
{
	if (kw_connection_forked(connection))
		return kw_fail_forked(error);
	if (stats == NULL)
		return kw_fail(error, KWIRE_EINVAL, "nowhere to put the statistics");
	return kw_stats_take(connection->config, stats, error);
}

void kwire_connection_recent(struct kwire_connection *connection, kwire_write_function *write,
			     void *context)
{
	if (connection != NULL)
		kw_recent_write(kw_stats_of(connection->config), write, context);
}
