/* SPDX-License-Identifier: Apache-2.0 */
/* docs/configuration.md, made from the table of properties. */
#ifndef KW_CONFIG_MARKDOWN_H
#define KW_CONFIG_MARKDOWN_H

#include <stddef.h>

typedef void kw_markdown_function(void *context, const char *text, size_t size);

/* Hands the page to `write`, piece by piece. */
void kw_config_markdown(kw_markdown_function *write, void *context);

#endif
