/* SPDX-License-Identifier: Apache-2.0 */
/* A mock cluster in a process of its own, for the rows that need one. */
#ifndef BENCH_MOCK_H
#define BENCH_MOCK_H

#include "bench.h"

#define BENCH_MOCK_TOPIC "bench"
#define BENCH_USER       "alice"
#define BENCH_PASSWORD   "alice-secret"

struct bench_server bench_mock_start(bool sasl);

#endif
