/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions for brokers, topics and time: each hands its work to the loop's thread. */
#include <string.h>

#include "../base/error.h"
#include "call.h"
#include "parcel.h"

struct broker_call {
	struct kw_mock_call call; /* first */
	int32_t broker_id;
	int port;
	const char *text;
	int16_t api_key;
	int16_t min;
	int16_t max;
	int open;
	int64_t number;
};

static struct kw_mock_broker *broker_of(struct broker_call *c)
{
	struct kw_mock_broker *broker = kw_mock_broker_find(c->call.mock, c->broker_id);

	if (broker == NULL)
		c->call.result = kw_fail(c->call.error, KWIRE_EBROKER, "there is no mock broker %d",
					 (int)c->broker_id);
	return broker;
}

static void bootstrap(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;

	c->text = kw_mock_bootstrap_text(call->mock);
}

const char *kwire_mock_bootstrap(struct kwire_mock *mock)
{
	struct broker_call c = {.text = NULL};

	kw_mock_run(mock, &c.call, bootstrap, NULL);
	return c.text;
}

static void port_of(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;
	struct kw_mock_broker *broker = broker_of(c);

	c->port = broker != NULL ? broker->port : -1;
}

int kwire_mock_port(struct kwire_mock *mock, int32_t broker_id)
{
	struct broker_call c = {.broker_id = broker_id};

	kw_mock_run(mock, &c.call, port_of, NULL);
	return c.port;
}

static void stop(struct kw_mock_call *call)
{
	struct kw_mock_broker *broker = broker_of((struct broker_call *)call);

	if (broker != NULL)
		kw_mock_broker_stop(broker);
}

int kwire_mock_stop_broker(struct kwire_mock *mock, int32_t broker_id, struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id};

	return kw_mock_run(mock, &c.call, stop, error);
}

static void start(struct kw_mock_call *call)
{
	struct kw_mock_broker *broker = broker_of((struct broker_call *)call);

	if (broker != NULL)
		call->result = kw_mock_broker_listen(broker, broker->port, call->error);
}

int kwire_mock_start_broker(struct kwire_mock *mock, int32_t broker_id, struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id};

	return kw_mock_run(mock, &c.call, start, error);
}

static void move(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;
	struct kw_mock_broker *broker = broker_of(c);

	if (broker == NULL)
		return;
	kw_mock_broker_stop(broker);
	call->result = kw_mock_broker_listen(broker, c->port, call->error);
}

int kwire_mock_move_broker(struct kwire_mock *mock, int32_t broker_id, int port,
			   struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id, .port = port};

	if (port < 0 || port > 65535)
		return kw_fail(error, KWIRE_EINVAL, "port must be 0 to 65535, not %d", port);
	return kw_mock_run(mock, &c.call, move, error);
}

static void add(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;
	struct kw_mock_broker *broker;

	call->result = kw_mock_broker_add(call->mock, 0, &broker, call->error);
	if (call->result == 0)
		c->broker_id = broker->id;
}

int kwire_mock_add_broker(struct kwire_mock *mock, int32_t *broker_id, struct kwire_error *error)
{
	struct broker_call c = {.broker_id = -1};
	int result = kw_mock_run(mock, &c.call, add, error);

	if (result == 0 && broker_id != NULL)
		*broker_id = c.broker_id;
	return result;
}

static void remove_broker(struct kw_mock_call *call)
{
	struct kw_mock_broker *broker = broker_of((struct broker_call *)call);

	if (broker != NULL)
		kw_mock_broker_remove(broker);
}

int kwire_mock_remove_broker(struct kwire_mock *mock, int32_t broker_id, struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id};

	return kw_mock_run(mock, &c.call, remove_broker, error);
}

static void disconnect(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;
	struct kw_mock_broker *broker;

	if (c->broker_id >= 0) {
		broker = broker_of(c);
		if (broker != NULL)
			kw_mock_broker_disconnect(broker);
		return;
	}
	for (broker = call->mock->brokers; broker != NULL; broker = broker->next)
		kw_mock_broker_disconnect(broker);
}

int kwire_mock_disconnect(struct kwire_mock *mock, int32_t broker_id, struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id};

	return kw_mock_run(mock, &c.call, disconnect, error);
}

static void set_controller(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;

	if (c->broker_id < 0 || broker_of(c) != NULL)
		call->mock->controller_id = c->broker_id;
}

int kwire_mock_set_controller(struct kwire_mock *mock, int32_t broker_id, struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id};

	return kw_mock_run(mock, &c.call, set_controller, error);
}

static void set_versions(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;
	struct kw_mock_version table[KW_MOCK_KEYS];
	struct kw_mock_broker *broker;

	if (c->text != NULL && !kw_mock_versions_of(c->text, table)) {
		call->result = kw_fail(call->error, KWIRE_EINVAL,
				       "no version table is named \"%s\"", c->text);
		return;
	}
	if (c->broker_id >= 0 && broker_of(c) == NULL)
		return;
	for (broker = call->mock->brokers; broker != NULL; broker = broker->next) {
		if (c->broker_id >= 0 && broker->id != c->broker_id)
			continue;
		if (c->text != NULL)
			memcpy(broker->versions, table, sizeof(table));
		else
			broker->versions[c->api_key] = (struct kw_mock_version){c->min, c->max};
	}
	if (c->broker_id >= 0)
		return;
	if (c->text != NULL)
		memcpy(call->mock->versions, table, sizeof(table));
	else
		call->mock->versions[c->api_key] = (struct kw_mock_version){c->min, c->max};
}

int kwire_mock_set_versions(struct kwire_mock *mock, int32_t broker_id, const char *release,
			    struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id, .text = release};

	if (release == NULL)
		return kw_fail(error, KWIRE_EINVAL, "a release must be named");
	return kw_mock_run(mock, &c.call, set_versions, error);
}

int kwire_mock_set_api_versions(struct kwire_mock *mock, int32_t broker_id, int16_t api_key,
				int16_t min_version, int16_t max_version, struct kwire_error *error)
{
	struct broker_call c = {
		.broker_id = broker_id, .api_key = api_key, .min = min_version, .max = max_version};

	if (api_key < 0 || api_key >= KW_MOCK_KEYS)
		return kw_fail(error, KWIRE_EINVAL, "there is no API %d", api_key);
	return kw_mock_run(mock, &c.call, set_versions, error);
}

static void connections(struct kw_mock_call *call)
{
	struct broker_call *c = (struct broker_call *)call;

	if (c->broker_id >= 0 && broker_of(c) == NULL)
		return;
	for (struct kw_mock_broker *b = call->mock->brokers; b != NULL; b = b->next)
		if (c->broker_id < 0 || b->id == c->broker_id) {
			c->open += b->open;
			c->number += b->accepted;
		}
}

int kwire_mock_connections(struct kwire_mock *mock, int32_t broker_id, int *open, int64_t *accepted,
			   struct kwire_error *error)
{
	struct broker_call c = {.broker_id = broker_id};
	int result = kw_mock_run(mock, &c.call, connections, error);

	if (result == 0 && open != NULL)
		*open = c.open;
	if (result == 0 && accepted != NULL)
		*accepted = c.number;
	return result;
}

struct open_wait {
	struct kw_mock_task task; /* first */
	struct kwire_mock *mock;
	int32_t broker_id;
	int wanted;
	int seen;
};

static bool open_is(struct kw_mock_task *task)
{
	struct open_wait *wait = (struct open_wait *)task;

	wait->seen = 0;
	for (struct kw_mock_broker *b = wait->mock->brokers; b != NULL; b = b->next)
		if (wait->broker_id < 0 || b->id == wait->broker_id)
			wait->seen += b->open;
	return wait->seen == wait->wanted;
}

int kwire_mock_wait_connections(struct kwire_mock *mock, int32_t broker_id, int open,
				int64_t timeout_ms, struct kwire_error *error)
{
	struct open_wait wait = {
		{open_is, false, NULL}, mock, broker_id, open, 0,
	};
	int result = kw_mock_await(mock, &wait.task, timeout_ms, error);

	if (result == KWIRE_ETIMEDOUT)
		return kw_fail(error, result, "%d connections are open, not %d, after %lld ms",
			       wait.seen, open, (long long)timeout_ms);
	return result;
}

static void now(struct kw_mock_call *call)
{
	((struct broker_call *)call)->number = kw_mock_loop_now(&call->mock->loop);
}

int64_t kwire_mock_now(struct kwire_mock *mock)
{
	struct broker_call c = {.number = 0};

	kw_mock_run(mock, &c.call, now, NULL);
	return c.number;
}

static bool advance(struct kw_mock_task *task)
{
	struct broker_call *c = (struct broker_call *)task;

	/* Not entered: what becomes due is a round of its own, and another's requests are cut. */
	kw_mock_loop_advance(&c->call.mock->loop, c->number);
	return true;
}

void kwire_mock_advance(struct kwire_mock *mock, int64_t ms)
{
	struct broker_call c = {.number = ms};

	c.call.mock = mock;
	c.call.task.run = advance;
	kw_mock_loop_call(&mock->loop, &c.call.task);
}
