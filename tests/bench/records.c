/* SPDX-License-Identifier: Apache-2.0 */
/* Rows on record batches come with lib/records. */
#include "bench.h"

void bench_records(void)
{
}
