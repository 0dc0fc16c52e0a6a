/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of lib/config share: drafts, by which a change to a config
 * counts as a whole or not at all.
 */
#ifndef KW_CONFIG_INTERNAL_H
#define KW_CONFIG_INTERNAL_H

#include "config.h"

/* `draft` becomes a copy of `config` that can be set to; KWIRE_ENOMEM leaves nothing to undo. */
int kw_config_draft(struct kwire_config *draft, const struct kwire_config *config,
		    struct kwire_error *error);

/* The draft's values become the config's; the draft is gone. */
void kw_config_adopt(struct kwire_config *config, struct kwire_config *draft);

/* The draft is gone, the config as it was. */
void kw_config_discard(struct kwire_config *draft);

#endif
