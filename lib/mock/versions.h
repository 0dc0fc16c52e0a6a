/* SPDX-License-Identifier: Apache-2.0 */
/* Which versions of which APIs the releases of Kafka offer: data, no behaviour. */
#ifndef KW_MOCK_VERSIONS_H
#define KW_MOCK_VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	KW_MOCK_KEYS = 95 /* API keys are below this */
};

/* min > max: not offered. */
struct kw_mock_version {
	int16_t min;
	int16_t max;
};

/* Fills the table of a release ("2.8", "newest"); false: not known. */
bool kw_mock_versions_of(const char *release, struct kw_mock_version versions[KW_MOCK_KEYS]);

#endif
