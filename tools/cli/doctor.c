/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See doctor.h.  Names are resolved and addresses connected to here, one by
 * one, as a client would not: it stops at the first that works.  From TLS on a
 * connection of kwire's does it, and its frames tell the times.
 */
#include "doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	API_VERSIONS = 18,
	SASL_HANDSHAKE = 17,
	SASL_AUTHENTICATE = 36,
	ADDRESS_TEXT = 56,
	TIMEOUT_MS = 5000, /* of one step, where --timeout says nothing */
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct doctor_step *begin(struct doctor_target *target, const char *name)
{
	struct doctor_step *step = &target->steps[target->step_count++];

	memset(step, 0, sizeof(*step));
	step->name = name;
	return step;
}

__attribute__((format(printf, 2, 3))) static void note(struct doctor_step *step, const char *format,
						       ...)
{
	size_t used = strlen(step->detail);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(step->detail + used, sizeof(step->detail) - used, format, arguments);
	va_end(arguments);
}

static void fail(struct doctor *doctor, struct doctor_target *target, struct doctor_step *step,
		 const struct kwire_error *error)
{
	step->failed = true;
	step->detail[0] = '\0';
	note(step, "%s",
	     error->message[0] != '\0' ? error->message : kwire_result_text(error->result));
	doctor_diagnose(doctor, target, step, error);
}

/* -- resolving and connecting --------------------------------------------------- */

static void address_text(const struct sockaddr *address, char text[ADDRESS_TEXT])
{
	if (address->sa_family == AF_INET6)
		inet_ntop(AF_INET6,
			  &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
			  ADDRESS_TEXT);
	else
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
			  text, ADDRESS_TEXT);
}

static bool resolve(struct doctor *doctor, struct doctor_target *target, struct addrinfo **list)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct doctor_step *step = begin(target, "resolve");
	struct kwire_error error = KWIRE_ERROR_INIT;
	int64_t start = now_us();
	char port[16], text[ADDRESS_TEXT];
	int code;

	snprintf(port, sizeof(port), "%d", target->port);
	code = getaddrinfo(target->host, port, &hints, list);
	step->us = now_us() - start;
	if (code != 0) {
		error.result = KWIRE_ERESOLVE;
		error.phase = KWIRE_PHASE_RESOLVE;
		snprintf(error.message, sizeof(error.message), "cannot resolve '%s': %s",
			 target->host, code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
		fail(doctor, target, step, &error);
		return false;
	}
	for (struct addrinfo *at = *list; at != NULL; at = at->ai_next) {
		address_text(at->ai_addr, text);
		note(step, "%s%s", at == *list ? "" : ", ", text);
	}
	return true;
}

/* Connects to one address and hangs up: 0, or an errno value. */
static int try_address(const struct addrinfo *address, int64_t timeout_ms)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int code = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
		code = errno;
	if (code == EINPROGRESS) {
		code = poll(&poll_fd, 1, (int)timeout_ms) == 1 ? 0 : ETIMEDOUT;
		if (code == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
			code = errno;
	}
	close(fd);
	return code;
}

static bool connect_all(struct doctor *doctor, struct doctor_target *target,
			const struct addrinfo *list)
{
	struct doctor_step *step = begin(target, "connect");
	struct kwire_error error = KWIRE_ERROR_INIT;
	int64_t start = now_us();
	char text[ADDRESS_TEXT];
	bool any = false;

	for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
		int code = try_address(at, doctor->timeout_ms);

		address_text(at->ai_addr, text);
		note(step, "%s%s%s%s", at == list ? "" : ", ", text, code == 0 ? "" : ": ",
		     code == 0 ? "" : strerror(code));
		any |= code == 0;
		error.os_errno = code != 0 ? code : error.os_errno;
	}
	step->us = now_us() - start;
	if (any)
		return true;
	error.result = error.os_errno == ETIMEDOUT ? KWIRE_ETIMEDOUT : KWIRE_ECONNECT;
	error.phase = KWIRE_PHASE_CONNECT;
	snprintf(error.message, sizeof(error.message), "cannot connect: %s", step->detail);
	fail(doctor, target, step, &error);
	return false;
}

/* -- what a connection does ------------------------------------------------------- */

static void on_frame(void *context, const struct kwire_frame_event *event)
{
	struct doctor_times *times = context;
	int64_t *span = NULL;

	if (event->api_key == API_VERSIONS)
		span = times->versions_us;
	else if (event->api_key == SASL_HANDSHAKE || event->api_key == SASL_AUTHENTICATE ||
		 event->api_key < 0)
		span = times->sasl_us;
	if (span == NULL)
		return;
	if (span[0] == 0)
		span[0] = event->at_us;
	span[1] = event->at_us;
}

/* Which step of set-up an error belongs to. */
static const char *step_of(const struct kwire_error *error, const struct doctor_times *times)
{
	switch (error->phase) {
	case KWIRE_PHASE_RESOLVE:
	case KWIRE_PHASE_CONNECT:
		return "connect";
	case KWIRE_PHASE_TLS:
		return "tls";
	case KWIRE_PHASE_SASL:
		return "sasl";
	default:
		return times->sasl_us[0] != 0 ? "sasl" : "versions";
	}
}

static void put_step(struct doctor_target *target, const char *name, int64_t us, const char *detail)
{
	struct doctor_step *step = begin(target, name);

	step->us = us > 0 ? us : 0;
	note(step, "%s", detail);
}

/* The steps that went well, in order, up to `failed` (NULL: all). */
static void put_steps(struct doctor *doctor, struct doctor_target *target, const char *failed,
		      const struct doctor_times *times, int64_t started_us, const char *versions)
{
	int64_t connect_us = target->steps[1].us;
	char detail[128] = "";

	if (doctor->security.tls) {
		if (failed != NULL &&
		    (strcmp(failed, "tls") == 0 || strcmp(failed, "connect") == 0))
			return;
		put_step(target, "tls", times->versions_us[0] - started_us - connect_us,
			 "the certificate is accepted");
	}
	if (failed != NULL && strcmp(failed, "sasl") != 0)
		return;
	put_step(target, "versions", times->versions_us[1] - times->versions_us[0], versions);
	if (!doctor->security.sasl || failed != NULL)
		return;
	kwire_config_get(doctor->cli->config, "sasl.mechanism", detail, sizeof(detail), NULL);
	put_step(target, "sasl", times->sasl_us[1] - times->sasl_us[0], detail);
}

static int open_connection(struct doctor *doctor, const struct doctor_target *target,
			   struct kwire_connection **connection, struct kwire_error *error)
{
	return kwire_connection_open(doctor->cli->config, target->host, target->port,
				     doctor->timeout_ms, connection, error);
}

int doctor_probe(struct doctor *doctor, const struct doctor_target *target, const char *protocol,
		 struct kwire_error *error)
{
	static const char *const names[] = {"security.protocol",
					    "enable.ssl.certificate.verification"};
	struct kwire_config *config = doctor->cli->config;
	struct kwire_connection *connection = NULL;
	char before[2][64];
	int result;

	for (int i = 0; i < 2; i++)
		if (kwire_config_get(config, names[i], before[i], sizeof(before[i]), error) != 0)
			return error->result;
	kwire_config_set(config, names[0], protocol, NULL);
	kwire_config_set(config, names[1], "false", NULL);
	result = open_connection(doctor, target, &connection, error);
	kwire_connection_close(connection);
	for (int i = 0; i < 2; i++)
		kwire_config_set(config, names[i], before[i], NULL);
	return result;
}

static bool ask_metadata(struct doctor *doctor, struct doctor_target *target,
			 struct kwire_connection *connection,
			 struct kwire_metadata_response **metadata)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct doctor_step *step = begin(target, "metadata");
	struct kwire_error error = KWIRE_ERROR_INIT;
	void *response = NULL;
	int64_t start = now_us();
	int result;

	/* No topics: the brokers are what is asked for. */
	request.topics.count = 0;
	options.timeout_ms = doctor->timeout_ms;
	result = kwire_connection_send(connection, &kwire_metadata_api, &request, &response,
				       &options, &error);
	step->us = now_us() - start;
	if (result != KWIRE_OK) {
		fail(doctor, target, step, &error);
		return false;
	}
	*metadata = response;
	note(step, "%d broker%s, controller %d, cluster %s", (int)(*metadata)->brokers.count,
	     (*metadata)->brokers.count == 1 ? "" : "s", (int)(*metadata)->controller_id,
	     (*metadata)->cluster_id.data != NULL ? (*metadata)->cluster_id.data : "without id");
	return true;
}

static bool speak(struct doctor *doctor, struct doctor_target *target,
		  struct kwire_metadata_response **metadata)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_connection *connection = NULL;
	struct doctor_times times;
	int64_t start = now_us();
	char versions[80] = "";
	const char *failed;
	struct doctor_step *step;
	bool good = true;

	memset(&doctor->times, 0, sizeof(doctor->times));
	if (open_connection(doctor, target, &connection, &error) != KWIRE_OK) {
		times = doctor->times;
		failed = step_of(&error, &times);
		put_steps(doctor, target, failed, &times, start, "");
		step = begin(target, failed);
		step->us = now_us() - start;
		fail(doctor, target, step, &error);
		return false;
	}
	snprintf(versions, sizeof(versions), "%d APIs",
		 kwire_versions_count(kwire_connection_versions(connection)));
	times = doctor->times;
	put_steps(doctor, target, NULL, &times, start, versions);
	if (metadata != NULL)
		good = ask_metadata(doctor, target, connection, metadata);
	kwire_connection_close(connection);
	return good;
}

int doctor_init(struct doctor *doctor, struct cli *cli, struct kwire_error *error)
{
	struct kwire_hooks hooks = KWIRE_HOOKS_INIT;
	char protocol[32] = "";

	memset(doctor, 0, sizeof(*doctor));
	doctor->cli = cli;
	doctor->timeout_ms = cli->timeout_ms > 0 ? cli->timeout_ms : TIMEOUT_MS;
	kwire_config_get(cli->config, "security.protocol", protocol, sizeof(protocol), NULL);
	doctor->security.tls = strstr(protocol, "SSL") != NULL;
	doctor->security.sasl = strstr(protocol, "SASL") != NULL;
	hooks.context = &doctor->times;
	hooks.frame = on_frame;
	return kwire_config_add_hooks(cli->config, &hooks, error);
}

bool doctor_examine(struct doctor *doctor, struct doctor_target *target,
		    struct kwire_metadata_response **metadata)
{
	struct addrinfo *list = NULL;
	bool good = resolve(doctor, target, &list) && connect_all(doctor, target, list);

	if (list != NULL)
		freeaddrinfo(list);
	return good && speak(doctor, target, metadata);
}
