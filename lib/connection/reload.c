/* SPDX-License-Identifier: Apache-2.0 */
/* New certificates and credentials for one connection: kwire/security.h.  Programs call it. */
#include "../base/error.h"
#include "../sasl/security.h"
#include "internal.h"

int kwire_connection_reload_security(struct kwire_connection *connection,
				     const struct kwire_config *config, struct kwire_error *error)
{
	if (connection == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no connection given");
	return kw_security_reload(connection->config, config, error);
}
