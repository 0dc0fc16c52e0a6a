/* SPDX-License-Identifier: Apache-2.0 */
/* New certificates and credentials for a client that runs: kwire/security.h.  Programs call it. */
#include "../base/error.h"
#include "../sasl/security.h"
#include "client.h"
#include "edge.h"

int kwire_client_reload_security(struct kwire_client *client, const struct kwire_config *config,
				 struct kwire_error *error)
{
	struct kw_edge edge;
	int result = kw_edge_enter(&edge, client, error);

	if (result != 0)
		return result;
	result = kw_security_reload(client->config, config, error);
	if (result == 0)
		kw_pool_forgive(&client->pool);
	return kw_edge_leave(&edge, result, error);
}
