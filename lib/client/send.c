/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire_send() of any API: whoever calls it links all the targets.  The typed
 * forms name theirs, and link one.
 */
#include "../base/error.h"
#include "job.h"
#include "targets.h"

static const struct kwire_target *const targets[KW_ROUTE_TARGETS] = {
	[KW_TO_ANY] = &kwire_to_any,
	[KW_TO_ANY_EACH] = &kwire_to_any_each,
	[KW_TO_CONTROLLER] = &kwire_to_controller,
	[KW_TO_GROUP] = &kwire_to_group,
	[KW_TO_GROUPS] = &kwire_to_groups,
	[KW_TO_TRANSACTION] = &kwire_to_transaction,
	[KW_TO_TRANSACTIONS] = &kwire_to_transactions,
	[KW_TO_SHARE] = &kwire_to_share,
	[KW_TO_LEADER] = &kwire_to_leader,
	[KW_TO_PRODUCE] = &kwire_to_produce,
	[KW_TO_RESOURCE] = &kwire_to_resource,
	[KW_TO_ALL] = &kwire_to_all,
	[KW_TO_BROKER] = &kwire_to_broker,
};

const struct kwire_target *kw_target_of(const struct kwire_api *api)
{
	return api == NULL || api->route == NULL ? &kwire_to_any : targets[api->route->target];
}

int kwire_send(struct kwire_client *client, const struct kwire_api *api, const void *request,
	       void **response, const struct kwire_send_options *options, struct kwire_error *error)
{
	return kwire_send_to(kw_target_of(api), client, api, request, response, options, error);
}
