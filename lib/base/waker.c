/* SPDX-License-Identifier: Apache-2.0 */
/* See waker.h. */
#include "waker.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#if defined(__linux__)

#include <sys/eventfd.h>

int kw_waker_init(struct kw_waker *waker)
{
	waker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	waker->write_fd = waker->fd;
	return waker->fd < 0 ? errno : 0;
}

#else

#include <fcntl.h>

int kw_waker_init(struct kw_waker *waker)
{
	int fds[2];
	int failure;

	if (pipe(fds) != 0)
		return errno;
	waker->fd = fds[0];
	waker->write_fd = fds[1];
	for (int i = 0; i < 2; i++)
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) != 0 ||
		    fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0) {
			failure = errno;
			kw_waker_fini(waker);
			return failure;
		}
	return 0;
}

#endif

void kw_waker_fini(struct kw_waker *waker)
{
	if (waker->fd >= 0)
		close(waker->fd);
	if (waker->write_fd >= 0 && waker->write_fd != waker->fd)
		close(waker->write_fd);
	waker->fd = waker->write_fd = -1;
}

void kw_waker_wake(struct kw_waker *waker)
{
	const uint64_t one = 1;

	/* A full pipe, or a counter at its limit, is readable already. */
	while (write(waker->write_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

void kw_waker_clear(struct kw_waker *waker)
{
	uint64_t count[8];

	while (read(waker->fd, count, sizeof(count)) < 0 && errno == EINTR)
		continue;
}
