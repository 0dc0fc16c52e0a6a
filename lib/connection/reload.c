/* SPDX-License-Identifier: Apache-2.0 */
/* New certificates and credentials for one connection: kwire/security.h.  Programs call it. */
#include "../base/error.h"
#include "../sasl/security.h"
#include "internal.h"

int kwire_connection_reload_security(struct kwire_connection *connection,
				     const struct kwire_config *config, struct kwire_error *error)
{
	int cancel_state, result;

	if (connection == NULL)
		return kw_fail(error, KWIRE_EINVAL, "no connection given");
	if (kw_connection_forked(connection))
		return kw_fail_forked(error);
	cancel_state = kw_cancel_disable();
	result = kw_security_reload(connection->config, config, error);
	kw_cancel_restore(cancel_state);
	return result;
}
