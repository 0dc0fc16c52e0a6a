/* SPDX-License-Identifier: Apache-2.0 */
/* See stage.h. */
#include "stage.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"
#include "transport/socket.h"

static ssize_t stage_read(void *transport, const struct iovec *iov, int count, int64_t deadline_ms,
			  struct kwire_error *error)
{
	struct stage *stage = transport;

	return stage->ops->read(stage->transport, iov, count, deadline_ms, error);
}

static ssize_t stage_writev(void *transport, const struct iovec *iov, int count,
			    int64_t deadline_ms, struct kwire_error *error)
{
	struct stage *stage = transport;
	ssize_t put;

	pthread_mutex_lock(&stage->mutex);
	if (stage->refuse) {
		stage->refused++;
		pthread_cond_broadcast(&stage->changed);
		pthread_mutex_unlock(&stage->mutex);
		return kw_fail(error, KWIRE_ETIMEDOUT, "full");
	}
	pthread_mutex_unlock(&stage->mutex);
	put = stage->ops->writev(stage->transport, iov, count, deadline_ms, error);
	pthread_mutex_lock(&stage->mutex);
	if (stage->pause) {
		stage->paused = true;
		pthread_cond_broadcast(&stage->changed);
		while (stage->paused)
			pthread_cond_wait(&stage->changed, &stage->mutex);
	}
	pthread_mutex_unlock(&stage->mutex);
	return put;
}

static void stage_wake(void *transport)
{
	struct stage *stage = transport;

	pthread_mutex_lock(&stage->mutex);
	stage->woken++;
	pthread_mutex_unlock(&stage->mutex);
	stage->ops->wake(stage->transport);
}

static void stage_shutdown(void *transport)
{
	struct stage *stage = transport;

	stage->ops->shutdown(stage->transport);
}

static void stage_close(void *transport)
{
	struct stage *stage = transport;

	stage->ops->close(stage->transport);
}

static const struct kwire_transport_ops stage_ops = {
	.size = sizeof(stage_ops),
	.read = stage_read,
	.writev = stage_writev,
	.wake = stage_wake,
	.shutdown = stage_shutdown,
	.close = stage_close,
};

static int dial(void *context, const char *host, int port, int64_t deadline_ms,
		const struct kwire_transport_ops **ops, void **transport, struct kwire_error *error)
{
	struct stage *stage = context;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	(void)host;
	(void)deadline_ms;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		abort();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	result = kw_socket_new(stage->config->memory, fd, NULL, &stage->ops, &stage->transport,
			       error);
	*ops = &stage_ops;
	*transport = stage;
	return result;
}

void stage_init(struct stage *stage, struct kwire_config *config)
{
	memset(stage, 0, sizeof(*stage));
	stage->config = config;
	pthread_mutex_init(&stage->mutex, NULL);
	pthread_cond_init(&stage->changed, NULL);
	kwire_config_set_dialer(config, dial, stage);
}

void stage_fini(struct stage *stage)
{
	pthread_cond_destroy(&stage->changed);
	pthread_mutex_destroy(&stage->mutex);
}

void stage_refuse(struct stage *stage, bool refuse)
{
	pthread_mutex_lock(&stage->mutex);
	stage->refuse = refuse;
	stage->refused = 0;
	pthread_mutex_unlock(&stage->mutex);
}

void stage_wait_refused(struct stage *stage, int times)
{
	pthread_mutex_lock(&stage->mutex);
	while (stage->refused < times)
		pthread_cond_wait(&stage->changed, &stage->mutex);
	pthread_mutex_unlock(&stage->mutex);
}

int stage_woken(struct stage *stage)
{
	int woken;

	pthread_mutex_lock(&stage->mutex);
	woken = stage->woken;
	pthread_mutex_unlock(&stage->mutex);
	return woken;
}

void stage_pause(struct stage *stage)
{
	pthread_mutex_lock(&stage->mutex);
	stage->pause = true;
	pthread_mutex_unlock(&stage->mutex);
}

void stage_wait_paused(struct stage *stage)
{
	pthread_mutex_lock(&stage->mutex);
	while (!stage->paused)
		pthread_cond_wait(&stage->changed, &stage->mutex);
	pthread_mutex_unlock(&stage->mutex);
}

void stage_resume(struct stage *stage, bool again)
{
	pthread_mutex_lock(&stage->mutex);
	stage->pause = again;
	stage->paused = false;
	pthread_cond_broadcast(&stage->changed);
	pthread_mutex_unlock(&stage->mutex);
}
