/* SPDX-License-Identifier: Apache-2.0 */
/* See jobs.h. */
#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kwire/api/metadata.h>
#include <kwire/observe.h>

enum {
	RECORDS = 50, /* in the log, and in a batch */
	STARTED = 20,
};

static const char topic_name[] = "jobs";
static const char user[] = "worker", password[] = "secret";

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "a job succeeded, and %s is wrong\n", what);
	abort();
}

/* -- the jobs ------------------------------------------------------------------------- */

static int open_only(struct kwire_client *client, const struct kwire_allocator *allocator,
		     struct kwire_error *error)
{
	(void)client;
	(void)allocator;
	(void)error;
	return KWIRE_OK;
}

static int metadata(struct kwire_client *client, const struct kwire_allocator *allocator,
		    struct kwire_error *error)
{
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_metadata_response *response = NULL;
	int result;

	(void)allocator;
	request.topics.count = -1;
	result = kwire_send_metadata(client, &request, &response, error);
	if (result == KWIRE_OK)
		check(response->brokers.count == 2, "the number of brokers");
	kwire_response_free(response);
	return result;
}

/* Calls in flight together, some taken, some abandoned. */
static int started(struct kwire_client *client, const struct kwire_allocator *allocator,
		   struct kwire_error *error)
{
	struct kwire_send_options options = KWIRE_SEND_OPTIONS_INIT;
	struct kwire_metadata_request request = KWIRE_METADATA_REQUEST_INIT;
	struct kwire_call *calls[STARTED] = {NULL};
	int result = KWIRE_OK;

	(void)allocator;
	for (int i = 0; i < STARTED && result == KWIRE_OK; i++) {
		options.flags = i < STARTED - 1 ? KWIRE_MORE : 0;
		result = kwire_start(client, &kwire_metadata_api, &request, &options, &calls[i],
				     error);
	}
	for (int i = 0; i < STARTED; i++) {
		struct kwire_error one;
		void *response = NULL;

		if (calls[i] != NULL && i % 5 != 4) {
			int taken = kwire_call_wait(calls[i], -1, &response, &one);

			if (taken != KWIRE_OK && result == KWIRE_OK) {
				result = taken;
				*error = one;
			}
		}
		kwire_response_free(response);
		kwire_call_free(calls[i]);
	}
	return result;
}

static int offsets(struct kwire_client *client, const struct kwire_allocator *allocator,
		   struct kwire_error *error)
{
	struct kwire_listed_offset listed;
	struct kwire_epoch_end_offset end;
	int result;

	(void)allocator;
	result = kwire_list_offset(client, topic_name, 0, KWIRE_OFFSET_LATEST,
				   KWIRE_READ_UNCOMMITTED, &listed, NULL, error);
	if (result != KWIRE_OK)
		return result;
	check(listed.offset >= RECORDS, "the end offset");
	return kwire_offset_for_leader_epoch(client, topic_name, 0, -1, 0, &end, NULL, error);
}

static int produce(struct kwire_client *client, const struct kwire_allocator *allocator,
		   struct kwire_error *error)
{
	struct kwire_batch_options options = KWIRE_BATCH_OPTIONS_INIT;
	struct kwire_batch_builder *builder = NULL;
	struct kwire_bytes batch, value = kwire_bytes_of(topic_name, sizeof(topic_name));
	struct kwire_produced produced;
	int result;

	options.codec = kwire_codec_built(KWIRE_CODEC_GZIP) ? KWIRE_CODEC_GZIP : KWIRE_CODEC_NONE;
	if ((result = kwire_batch_builder_new(allocator, &builder, error)) != KWIRE_OK ||
	    (result = kwire_batch_builder_begin(builder, &options, error)) != KWIRE_OK)
		goto done;
	for (int i = 0; i < RECORDS && result == KWIRE_OK; i++)
		result = kwire_batch_builder_add(builder, i, value, value, NULL, 0, error);
	if (result == KWIRE_OK)
		result = kwire_batch_builder_end(builder, &batch, error);
	if (result == KWIRE_OK)
		result = kwire_produce_batch(client, topic_name, 1, batch, NULL, &produced, error);
done:
	kwire_batch_builder_free(builder);
	return result;
}

static int fetch(struct kwire_client *client, const struct kwire_allocator *allocator,
		 struct kwire_error *error)
{
	struct kwire_fetch_options options = KWIRE_FETCH_OPTIONS_INIT;
	const struct kwire_fetched_record *records;
	struct kwire_fetched *fetched = NULL;
	int32_t count;
	int result;

	(void)allocator;
	options.max_wait_ms = 0;
	result = kwire_fetch_partition(client, topic_name, 0, 0, &options, &fetched, error);
	if (result == KWIRE_OK)
		result = kwire_fetched_records(fetched, 0, &records, &count, error);
	if (result == KWIRE_OK) {
		check(count == RECORDS, "the number of records");
		for (int i = 0; i < count; i++)
			check(records[i].offset == i && records[i].value.size == 5, "a record");
	}
	kwire_fetched_free(fetched);
	return result;
}

/* What is counted of a call, taken and printed. */
static int observed(struct kwire_client *client, const struct kwire_allocator *allocator,
		    struct kwire_error *error)
{
	struct kwire_stats *stats = NULL;
	char text[1 << 16];
	size_t size = 0;
	int result = metadata(client, allocator, error);

	if (result == KWIRE_OK)
		result = kwire_client_stats(client, &stats, error);
	if (result != KWIRE_OK)
		return result;
	check(stats->broker_count > 0, "the number of brokers that were counted");
	check(kwire_stats_prometheus_text(stats, text, sizeof(text), &size) == 0 && size > 0,
	      "the text of counts");
	kwire_stats_free(stats);
	return KWIRE_OK;
}

static int pass_over(void *context, const char *text, size_t size)
{
	(void)context;
	(void)text;
	(void)size;
	return 0;
}

static int observe(struct kwire_config *config, struct kwire_error *error)
{
	struct kwire_trace trace = KWIRE_TRACE_INIT;
	int result = kwire_config_keep_stats(config, error);

	trace.write = pass_over;
	return result == KWIRE_OK ? kwire_config_trace(config, &trace, error) : result;
}

const struct job job_open = {"open", open_only, "PLAINTEXT", false};
const struct job job_metadata = {"metadata", metadata, "PLAINTEXT", false};
const struct job job_started = {"started calls", started, "PLAINTEXT", false};
const struct job job_offsets = {"offsets", offsets, "PLAINTEXT", false};
const struct job job_produce = {"produce", produce, "PLAINTEXT", false};
const struct job job_fetch = {"fetch", fetch, "PLAINTEXT", false};
const struct job job_login = {"SCRAM over TLS", metadata, "SASL_SSL", false};
const struct job job_handshake = {"TLS", metadata, "SSL", false};
const struct job job_observed = {"observed", observed, "PLAINTEXT", true};

/* -- around them ---------------------------------------------------------------------- */

static int open_cluster(bool tls, bool sasl, struct kwire_mock **mock)
{
	struct kwire_mock_options options = KWIRE_MOCK_OPTIONS_INIT;
	struct kwire_error error;
	int result;

	options.brokers = 2;
	if ((result = kwire_mock_open(&options, mock, &error)) == KWIRE_OK &&
	    (result = kwire_mock_create_topic(*mock, topic_name, 2, &error)) == KWIRE_OK && tls)
		result = kwire_mock_set_tls(*mock, "good", &error);
	if (result == KWIRE_OK && sasl &&
	    (result = kwire_mock_set_sasl(*mock, "SCRAM-SHA-512", &error)) == KWIRE_OK)
		result = kwire_mock_set_user(*mock, user, password, &error);
	for (int i = 0; i < RECORDS && result == KWIRE_OK; i++)
		result = kwire_mock_append(*mock, topic_name, 0, "key", "value", &error);
	if (result != KWIRE_OK && result != KWIRE_ENOTBUILT)
		fprintf(stderr, "jobs: %s\n", error.message);
	return result;
}

int jobs_open(struct jobs **jobs)
{
	static struct jobs opened;
	int result;

	memset(&opened, 0, sizeof(opened));
	*jobs = &opened;
	result = open_cluster(false, false, &opened.plain);
	if (result == KWIRE_OK)
		result = open_cluster(true, false, &opened.tls);
	if (result == KWIRE_OK)
		result = open_cluster(true, true, &opened.sasl);
	if (result == KWIRE_ENOTBUILT) {
		kwire_mock_close(opened.tls);
		kwire_mock_close(opened.sasl);
		opened.tls = opened.sasl = NULL;
		result = KWIRE_OK;
	}
	return result;
}

void jobs_close(struct jobs *jobs)
{
	kwire_mock_close(jobs->plain);
	kwire_mock_close(jobs->tls);
	kwire_mock_close(jobs->sasl);
}

static int configure(struct kwire_config *config, struct kwire_mock *mock, const char *protocol,
		     struct kwire_error *error)
{
	const char *const properties[][2] = {
		{"bootstrap.servers", kwire_mock_bootstrap(mock)},
		{"security.protocol", protocol},
		{"ssl.ca.pem", kwire_mock_ca(mock)},
		{"sasl.mechanism", "SCRAM-SHA-512"},
		{"sasl.username", user},
		{"sasl.password", password},
	};
	const size_t count = strcmp(protocol, "PLAINTEXT") == 0 ? 1
			     : strcmp(protocol, "SSL") == 0     ? 3
								: 6;
	int result = KWIRE_OK;

	for (size_t i = 0; i < count && result == KWIRE_OK; i++)
		result = kwire_config_set(config, properties[i][0], properties[i][1], error);
	return result;
}

int job_run(struct jobs *jobs, const struct job *job, const struct kwire_allocator *allocator,
	    struct kwire_error *error)
{
	struct kwire_mock *mock = strcmp(job->protocol, "PLAINTEXT") == 0 ? jobs->plain
				  : strcmp(job->protocol, "SSL") == 0     ? jobs->tls
									  : jobs->sasl;
	struct kwire_config *config;
	struct kwire_client *client = NULL;
	int result;

	if (mock == NULL)
		return KWIRE_ENOTBUILT;
	config = allocator != NULL ? kwire_config_new_with(allocator) : kwire_config_new();
	if ((result = configure(config, mock, job->protocol, error)) == KWIRE_OK &&
	    (!job->observed || (result = observe(config, error)) == KWIRE_OK) &&
	    (result = kwire_client_open(config, &client, error)) == KWIRE_OK)
		result = job->run(client, allocator, error);
	kwire_client_close(client);
	kwire_config_free(config);
	return result;
}
