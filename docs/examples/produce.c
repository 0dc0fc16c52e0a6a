/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produces the lines of standard input as one batch to one partition.
 *	produce SERVERS TOPIC PARTITION <file
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kwire/kwire.h>

static int64_t wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The builder copies each line into the batch, so one buffer does for all of them. */
static int add_lines(struct kwire_batch_builder *builder, struct kwire_error *error)
{
	const struct kwire_bytes no_key = KWIRE_BYTES_NULL_INIT;
	char line[4096];
	int result = 0;

	while (result == 0 && fgets(line, sizeof(line), stdin) != NULL)
		result = kwire_batch_builder_add(builder, wall_clock_ms(), no_key,
						 kwire_bytes_of(line, strcspn(line, "\n")), NULL, 0,
						 error);
	return result;
}

int main(int argc, char **argv)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_config *config = NULL;
	struct kwire_client *client = NULL;
	struct kwire_produced produced;
	struct kwire_bytes batch;
	struct kwire_error error;
	int result;

	if (argc != 4) {
		fprintf(stderr, "usage: produce SERVERS TOPIC PARTITION <file\n");
		return 2;
	}
	options.codec = kwire_codec_built(KWIRE_CODEC_LZ4) ? KWIRE_CODEC_LZ4 : KWIRE_CODEC_NONE;

	config = kwire_config_new();
	if ((result = kwire_config_set(config, "bootstrap.servers", argv[1], &error)) == 0 &&
	    (result = kwire_client_open(config, &client, &error)) == 0 &&
	    (result = kwire_batch_builder_new(NULL, &builder, &error)) == 0 &&
	    (result = kwire_batch_builder_begin(builder, &options, &error)) == 0 &&
	    (result = add_lines(builder, &error)) == 0 &&
	    (result = kwire_batch_builder_end(builder, &batch, &error)) == 0 &&
	    (result = kwire_produce_batch(client, argv[2], atoi(argv[3]), batch, NULL, &produced,
					  &error)) == 0)
		printf("%d records from offset %lld on\n", (int)kwire_batch_builder_count(builder),
		       (long long)produced.base_offset);
	else
		/* Whoever repeats a produce has to know whether it may be in the log. */
		fprintf(stderr, "%s (%s)\n", error.message, kwire_outcome_name(error.outcome));

	kwire_batch_builder_free(builder);
	kwire_client_close(client);
	kwire_config_free(config);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
