/* SPDX-License-Identifier: Apache-2.0 */
/* Bare mbedTLS over a socket: the lean server's side, and the limit of the rows with TLS. */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>

struct bench_tls;

/* The certificate, made on the first call, which comes before the server's fork. */
const char *bench_tls_ca(void);

/* Once in the process that accepts, and in the one that connects. */
void bench_tls_server(void);
void bench_tls_client(void);

/* Over a socket that may not block: the handshake comes with the first recv. */
struct bench_tls *bench_tls_accept(int fd);
/* Over a socket that blocks: the handshake is done. */
struct bench_tls *bench_tls_connect(int fd);

/* As of a socket: EAGAIN in errno where it would block, 0 at the end or on failure. */
ssize_t bench_tls_recv(struct bench_tls *tls, void *data, size_t size);
ssize_t bench_tls_send(struct bench_tls *tls, const void *data, size_t size);

/* Whether bytes wait that the socket no longer shows. */
bool bench_tls_pending(struct bench_tls *tls);
void bench_tls_free(struct bench_tls *tls);

#endif
