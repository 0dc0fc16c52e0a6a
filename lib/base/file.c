/* SPDX-License-Identifier: Apache-2.0 */
/* See file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

int kw_file_read(struct kw_memory *memory, const char *path, size_t max_size, const char *what,
		 uint8_t **data, size_t *size, struct kwire_error *error)
{
	struct stat status;
	uint8_t *block = NULL;
	size_t capacity = 0, used = 0;
	int result, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status) != 0) {
		result = kw_fail_errno(error, KWIRE_ECONFIG, KWIRE_PHASE_NONE, errno,
				       "cannot read the %s %s", what, path);
		goto out;
	}
	if (S_ISDIR(status.st_mode)) {
		result = kw_fail(error, KWIRE_ECONFIG, "the %s %s is a directory", what, path);
		goto out;
	}
	/* Not a regular file (a pipe, say): its size is not known before. */
	capacity = S_ISREG(status.st_mode) && status.st_size >= 0 &&
				   (uintmax_t)status.st_size < max_size
			   ? (size_t)status.st_size
			   : max_size;
	block = kw_alloc(memory, capacity + 1);
	if (block == NULL) {
		result = kw_fail_memory(error);
		goto out;
	}
	for (;;) {
		/* One byte more than allowed fits, and tells a file that is too long. */
		ssize_t got = read(fd, block + used, capacity + 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			result = kw_fail_errno(error, KWIRE_ECONFIG, KWIRE_PHASE_NONE, errno,
					       "cannot read the %s %s", what, path);
			goto out;
		}
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > capacity) {
			result = kw_fail(error, KWIRE_ECONFIG,
					 "the %s %s is too long, or changed while it was read",
					 what, path);
			goto out;
		}
	}
	block[used] = '\0';
	*data = block;
	*size = used;
	block = NULL;
	result = KWIRE_OK;
out:
	if (fd >= 0)
		close(fd);
	if (block != NULL)
		kw_wipe(block, capacity + 1);
	kw_free(block);
	return result;
}
