/* SPDX-License-Identifier: Apache-2.0 */
/* The target of any API, for what is not typed; links all of them. */
#ifndef KW_TARGETS_H
#define KW_TARGETS_H

#include <kwire/client.h>

const struct kwire_target *kw_target_of(const struct kwire_api *api);

#endif
