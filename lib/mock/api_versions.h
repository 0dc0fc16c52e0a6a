/* SPDX-License-Identifier: Apache-2.0 */
/* The one API that answers also what it cannot read.  Called by exchange.c. */
#ifndef KW_MOCK_API_VERSIONS_H
#define KW_MOCK_API_VERSIONS_H

#include "exchange.h"

enum {
	KW_MOCK_API_VERSIONS = 18
};

/* A request newer than the broker: error 35, in version 0. */
void kw_mock_api_versions_fallback(struct kw_mock_exchange *exchange,
				   const struct kw_mock_broker *broker);

#endif
