/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaking Kafka's protocol over a bare socket with lib/protocol alone, so that
 * the mock is tested without the client that it will test.  Everything fails
 * by returning what cannot be mistaken for success: -1, NULL.
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <kwire/message.h>

/* A socket connected to 127.0.0.1 (or ::1) at `port`; reads give up after 10 seconds. */
int wire_connect(int port);
int wire_connect6(int port);

/* Sends a request; -1: it could not be encoded or sent. */
int wire_send(int fd, const struct kwire_api *api, int16_t version, int32_t id,
	      const void *request);
int wire_send_bytes(int fd, const void *data, size_t size);

/*
 * Receives one frame: its size after the length word, -1 at the end of the
 * stream, -2 on a reset, -3 when nothing came in time.  The bytes after the
 * length word, to be freed with free(), are in `*frame`.
 */
long wire_receive(int fd, uint8_t **frame);

/* As wire_receive: at most `size` bytes as they come. */
long wire_read(int fd, void *data, size_t size);

/* The correlation id of a frame. */
int32_t wire_id(const uint8_t *frame);

/* Receives and decodes a response to `id`; NULL: it was anything else. */
void *wire_answer(int fd, const struct kwire_api *api, int16_t version, int32_t id);

/* Sends, receives, decodes; free it with kwire_response_free(). */
void *wire_call(int fd, const struct kwire_api *api, int16_t version, const void *request);

#endif
