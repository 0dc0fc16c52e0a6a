/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row `connect_scram`: open, log in with SCRAM-SHA-256, first answer, on a
 * mock cluster in a process of its own.  Its limit is the same exchange by
 * hand, the proof made with bare mbedTLS: most of the time is the hash that
 * SCRAM iterates on purpose.
 */
#include "bench.h"

#if KW_WITH_TLS

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mbedtls/base64.h>
#include <mbedtls/md.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include "calls.h"
#include "mock.h"
#include "protocol/endian.h"
#include "sasl/wire.h"

enum {
	HASH = 32
};

static const char *const properties[] = {"security.protocol", "SASL_PLAINTEXT", "sasl.mechanism",
					 "SCRAM-SHA-256",     "sasl.username",  BENCH_USER,
					 "sasl.password",     BENCH_PASSWORD,   NULL};

static void receive(int fd, uint8_t *data, size_t size)
{
	if (recv(fd, data, size, MSG_WAITALL) != (ssize_t)size)
		bench_die("the mock hung up");
}

/* Sends a frame and returns the answer's size behind its length word. */
static size_t exchange(int fd, const void *frame, size_t size, uint8_t *answer, size_t room)
{
	uint8_t length[4];

	if (send(fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size)
		bench_die("the mock takes nothing");
	receive(fd, length, 4);
	if (kw_load32(length) > room)
		bench_die("a long answer");
	receive(fd, answer, kw_load32(length));
	return kw_load32(length);
}

/* One step of the login; the server's token, a string, is copied to `reply`. */
static void step(int fd, const char *token, char *reply, size_t room)
{
	struct kw_sasl_request request = {KW_SASL_AUTHENTICATE, 1, 2, BENCH_CLIENT_ID, NULL, token,
					  strlen(token)};
	uint8_t frame[1024], answer[1024];
	size_t size = exchange(fd, frame, kw_sasl_request_write(&request, frame), answer,
			       sizeof(answer));
	size_t length;

	if (size < 12 || kw_load16(answer + 4) != 0)
		bench_die("the login by hand is refused");
	length = kw_load32(answer + 8); /* behind a message that is null */
	if (length >= room || length > size - 12)
		bench_die("a long token");
	memcpy(reply, answer + 12, length);
	reply[length] = '\0';
}

static void hmac(const uint8_t key[HASH], const char *text, uint8_t result[HASH])
{
	mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, HASH,
			(const unsigned char *)text, strlen(text), result);
}

static void salted_password(const uint8_t *salt, size_t size, unsigned iterations,
			    uint8_t result[HASH])
{
	const unsigned char *password = (const unsigned char *)BENCH_PASSWORD;
	int failed;
#if MBEDTLS_VERSION_NUMBER >= 0x03030000
	failed = mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA256, password, strlen(BENCH_PASSWORD),
					       salt, size, iterations, HASH, result);
#else
	mbedtls_md_context_t context;

	mbedtls_md_init(&context);
	failed = mbedtls_md_setup(&context, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1);
	if (failed == 0)
		failed = mbedtls_pkcs5_pbkdf2_hmac(&context, password, strlen(BENCH_PASSWORD), salt,
						   size, iterations, HASH, result);
	mbedtls_md_free(&context);
#endif
	if (failed != 0)
		bench_die("no PBKDF2");
}

static void log_in(int fd)
{
	static const char first[] = "n=" BENCH_USER ",r=rOprNGfwEbeRWgbNEkqO";
	char text[256], server[256], final[512], message[1024], salt_text[64], proof_text[64];
	uint8_t salted[HASH], key[HASH], stored[HASH], proof[HASH], salt[64];
	unsigned iterations;
	char nonce[128];
	size_t size;

	snprintf(text, sizeof(text), "n,,%s", first);
	step(fd, text, server, sizeof(server));
	if (sscanf(server, "r=%127[^,],s=%63[^,],i=%u", nonce, salt_text, &iterations) != 3 ||
	    mbedtls_base64_decode(salt, sizeof(salt), &size, (unsigned char *)salt_text,
				  strlen(salt_text)) != 0)
		bench_die("not SCRAM: %s", server);
	salted_password(salt, size, iterations, salted);
	hmac(salted, "Client Key", key);
#if MBEDTLS_VERSION_MAJOR >= 3
	mbedtls_sha256(key, HASH, stored, 0);
#else
	mbedtls_sha256_ret(key, HASH, stored, 0);
#endif
	snprintf(final, sizeof(final), "c=biws,r=%s", nonce);
	snprintf(message, sizeof(message), "%s,%s,%s", first, server, final);
	hmac(stored, message, proof);
	for (int i = 0; i < HASH; i++)
		proof[i] ^= key[i];
	mbedtls_base64_encode((unsigned char *)proof_text, sizeof(proof_text), &size, proof, HASH);
	snprintf(message, sizeof(message), "%s,p=%s", final, proof_text);
	step(fd, message, server, sizeof(server));
	if (strncmp(server, "v=", 2) != 0)
		bench_die("no signature: %s", server);
}

static double kwire_connects(void *context, int count)
{
	double start = bench_now();

	for (int i = 0; i < count; i++)
		bench_first_answer(context, properties);
	return bench_now() - start;
}

static double raw_connects(void *context, int count)
{
	struct kw_sasl_request handshake = {KW_SASL_HANDSHAKE, 1,    1, BENCH_CLIENT_ID,
					    "SCRAM-SHA-256",   NULL, 0};
	static uint8_t frame[1024], answer[1 << 16];
	size_t size = kw_sasl_request_write(&handshake, frame);
	double start = bench_now();

	for (int i = 0; i < count; i++) {
		int fd = bench_raw_open(context);

		exchange(fd, bench_versions, bench_versions_size, answer, sizeof(answer));
		exchange(fd, frame, size, answer, sizeof(answer));
		log_in(fd);
		exchange(fd, bench_question(), bench_question_size, answer, sizeof(answer));
		close(fd);
	}
	return bench_now() - start;
}

void bench_scram(void)
{
	struct bench_row row = {.unit = "us", .goal = 3, .at_most = true, .name = "connect_scram"};
	struct bench_server server;

	if (!bench_wants(row.name))
		return;
	server = bench_mock_start(true);
	bench_compare(&row, (struct bench_way){kwire_connects, &server},
		      (struct bench_way){raw_connects, &server}, 5, false);
	row.value *= 1e6;
	row.limit *= 1e6;
	bench_add(&row);
	bench_server_stop(&server);
}

#else
void bench_scram(void)
{
}
#endif
