/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot in the text format of Prometheus: families of metrics, one line of
 * HELP and TYPE each, then a sample a broker.  Takes a snapshot and a function
 * that writes; knows no client.
 */
#include <kwire/observe.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum kind {
	COUNTER,
	GAUGE,
};

/* A family whose samples are one member of struct kwire_counts each. */
struct family {
	const char *name;
	const char *help;
	enum kind kind;
	size_t offset; /* of a uint64_t */
};

#define COUNT(member) offsetof(struct kwire_counts, member)

static const struct family families[] = {
	{"kwire_calls_total", "Calls that came to an end, well or not.", COUNTER, COUNT(calls)},
	{"kwire_requests_total", "Requests written.", COUNTER, COUNT(requests)},
	{"kwire_requests_in_flight", "Requests written whose calls have not ended.", GAUGE,
	 COUNT(in_flight)},
	{"kwire_request_bytes_total", "Bytes of requests written.", COUNTER, COUNT(request_bytes)},
	{"kwire_response_bytes_total", "Bytes of responses read.", COUNTER, COUNT(response_bytes)},
	{"kwire_maybe_applied_total", "Failed calls that the broker may have carried out.", COUNTER,
	 COUNT(maybe_applied)},
	{"kwire_connects_total", "Connections that became ready.", COUNTER, COUNT(connects)},
	{"kwire_reconnects_total", "Connections that were not the broker's first.", COUNTER,
	 COUNT(reconnects)},
	{"kwire_connect_failures_total", "Connections that could not be set up.", COUNTER,
	 COUNT(connect_failures)},
	{"kwire_disconnects_total", "Connections that broke off.", COUNTER, COUNT(disconnects)},
	{"kwire_throttles_total", "Responses that asked for a pause.", COUNTER, COUNT(throttles)},
};

struct output {
	kwire_write_function *write;
	void *context;
	int result;
};

static void put(struct output *output, const char *text, size_t size)
{
	if (output->result == 0 && size > 0)
		output->result = output->write(output->context, text, size);
}

static void put_text(struct output *output, const char *text)
{
	put(output, text, strlen(text));
}

/* The value of a label: quotes, backslashes and line ends are escaped. */
static void put_label(struct output *output, const char *name, const char *value)
{
	size_t plain;

	put_text(output, name);
	put_text(output, "=\"");
	while (*value != '\0') {
		plain = strcspn(value, "\\\"\n");
		put(output, value, plain);
		value += plain;
		if (*value == '\0')
			break;
		put_text(output, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\");
		value++;
	}
	put_text(output, "\"");
}

static void put_head(struct output *output, const char *name, const char *help, const char *type)
{
	put_text(output, "# HELP ");
	put_text(output, name);
	put_text(output, " ");
	put_text(output, help);
	put_text(output, "\n# TYPE ");
	put_text(output, name);
	put_text(output, " ");
	put_text(output, type);
	put_text(output, "\n");
}

/* Name and labels of a sample of `broker`, one label more where `extra` is not NULL. */
static void put_sample(struct output *output, const char *name, const struct kwire_stats *stats,
		       const struct kwire_broker_stats *broker, const char *extra,
		       const char *value)
{
	char number[16];

	put_text(output, name);
	put_text(output, "{");
	put_label(output, "client_id", stats->client_id);
	put_text(output, ",");
	snprintf(number, sizeof(number), "%" PRId32, broker->node_id);
	put_label(output, "broker", number);
	put_text(output, ",");
	put_label(output, "host", broker->host);
	put_text(output, ",");
	snprintf(number, sizeof(number), "%" PRId32, broker->port);
	put_label(output, "port", number);
	if (extra != NULL) {
		put_text(output, ",");
		put_label(output, extra, value);
	}
	put_text(output, "} ");
}

static void put_count(struct output *output, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", count);
	put_text(output, text);
}

/* Thousandths, or millionths, without the locale's decimal point. */
static void put_fraction(struct output *output, int64_t value, int64_t unit, int digits)
{
	char text[48];

	snprintf(text, sizeof(text), "%" PRId64 ".%0*" PRId64 "\n", value / unit, digits,
		 value % unit);
	put_text(output, text);
}

static void put_family(struct output *output, const struct kwire_stats *stats,
		       const struct family *family)
{
	uint64_t count;

	put_head(output, family->name, family->help, family->kind == GAUGE ? "gauge" : "counter");
	for (int i = 0; i < stats->broker_count; i++) {
		memcpy(&count, (const char *)&stats->brokers[i]->counts + family->offset,
		       sizeof(count));
		put_sample(output, family->name, stats, stats->brokers[i], NULL, NULL);
		put_count(output, count);
	}
}

/* Calls by result; results that never came are left out, but for success. */
static void put_results(struct output *output, const struct kwire_stats *stats)
{
	static const char name[] = "kwire_results_total";

	put_head(output, name, "Calls by their result.", "counter");
	for (int i = 0; i < stats->broker_count; i++)
		for (int result = 0; result < KWIRE_STATS_RESULTS; result++) {
			if (result > 0 && stats->brokers[i]->counts.results[result] == 0)
				continue;
			put_sample(output, name, stats, stats->brokers[i], "result",
				   kwire_result_name(-result));
			put_count(output, stats->brokers[i]->counts.results[result]);
		}
}

static void put_states(struct output *output, const struct kwire_stats *stats)
{
	static const enum kwire_broker_state states[] = {KWIRE_BROKER_IDLE, KWIRE_BROKER_UP,
							 KWIRE_BROKER_DOWN};
	static const char name[] = "kwire_broker_state";

	put_head(output, name, "1 for the state that the broker is in.", "gauge");
	for (int i = 0; i < stats->broker_count; i++)
		for (int state = 0; state < 3; state++) {
			put_sample(output, name, stats, stats->brokers[i], "state",
				   kwire_broker_state_name(states[state]));
			put_count(output, stats->brokers[i]->state == states[state]);
		}
}

static void put_connections(struct output *output, const struct kwire_stats *stats)
{
	static const char name[] = "kwire_connections";

	put_head(output, name, "Ready connections.", "gauge");
	for (int i = 0; i < stats->broker_count; i++) {
		put_sample(output, name, stats, stats->brokers[i], NULL, NULL);
		put_count(output, (uint64_t)stats->brokers[i]->connections);
	}
}

static void put_throttled(struct output *output, const struct kwire_stats *stats)
{
	static const char name[] = "kwire_throttled_seconds_total";

	put_head(output, name, "Pauses asked for by responses.", "counter");
	for (int i = 0; i < stats->broker_count; i++) {
		put_sample(output, name, stats, stats->brokers[i], NULL, NULL);
		put_fraction(output, stats->brokers[i]->counts.throttled_ms, 1000, 3);
	}
}

static void put_latency(struct output *output, const struct kwire_stats *stats)
{
	static const char name[] = "kwire_call_seconds";
	const struct kwire_latency *latency;

	put_head(output, name, "How long answered calls took.", "summary");
	for (int i = 0; i < stats->broker_count; i++) {
		latency = &stats->brokers[i]->counts.latency;
		put_sample(output, name, stats, stats->brokers[i], "quantile", "0.5");
		put_fraction(output, latency->p50_us, 1000000, 6);
		put_sample(output, name, stats, stats->brokers[i], "quantile", "0.9");
		put_fraction(output, latency->p90_us, 1000000, 6);
		put_sample(output, name, stats, stats->brokers[i], "quantile", "0.99");
		put_fraction(output, latency->p99_us, 1000000, 6);
		put_sample(output, name, stats, stats->brokers[i], "quantile", "0.999");
		put_fraction(output, latency->p999_us, 1000000, 6);
		put_sample(output, "kwire_call_seconds_sum", stats, stats->brokers[i], NULL, NULL);
		put_fraction(output, latency->sum_us, 1000000, 6);
		put_sample(output, "kwire_call_seconds_count", stats, stats->brokers[i], NULL,
			   NULL);
		put_count(output, latency->count);
	}
}

int kwire_stats_prometheus(const struct kwire_stats *stats, kwire_write_function *write,
			   void *context)
{
	struct output output = {write, context, KWIRE_OK};

	if (stats == NULL || write == NULL)
		return KWIRE_EINVAL;
	put_states(&output, stats);
	put_connections(&output, stats);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(&output, stats, &families[i]);
	put_results(&output, stats);
	put_throttled(&output, stats);
	put_latency(&output, stats);
	return output.result;
}

struct buffer {
	char *data;
	size_t capacity;
	size_t size; /* what all of it takes */
};

static int add(void *context, const char *text, size_t size)
{
	struct buffer *buffer = context;

	if (buffer->size + size < buffer->capacity)
		memcpy(buffer->data + buffer->size, text, size);
	buffer->size += size;
	return KWIRE_OK;
}

int kwire_stats_prometheus_text(const struct kwire_stats *stats, char *text, size_t capacity,
				size_t *size)
{
	struct buffer buffer = {text, capacity, 0};
	int result = kwire_stats_prometheus(stats, add, &buffer);

	if (size != NULL)
		*size = buffer.size;
	if (result != KWIRE_OK)
		return result;
	if (buffer.size >= capacity) {
		if (capacity > 0)
			text[0] = '\0';
		return KWIRE_ETOOLARGE;
	}
	text[buffer.size] = '\0';
	return KWIRE_OK;
}
