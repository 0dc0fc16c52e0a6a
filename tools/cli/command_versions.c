/* SPDX-License-Identifier: Apache-2.0 */
/* `kwire versions`: which APIs, in which versions, the brokers offer, and which a call would use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"

enum {
	BROKER
};

static const struct cli_option options[] = {
	{"broker", 0, "ID", "asks this broker only; else all of them"},
	{NULL, 0, NULL, NULL},
};

/* A broker and what it answered. */
struct answer {
	struct kwire_broker_info info;
	struct kwire_versions *versions;
	bool printed;
};

static const struct kwire_api *find_api(int16_t key)
{
	for (int i = 0; i < kwire_all_apis_count; i++)
		if (kwire_all_apis[i]->key == key)
			return kwire_all_apis[i];
	return NULL;
}

static const char *name_of(int16_t key)
{
	const char *name = kwire_api_name(key);

	return name != NULL ? name : "(unknown)";
}

/* "3", "0-12", "-" for none. */
static const char *range_text(int least, int most, char text[16])
{
	if (most < least)
		snprintf(text, 16, "-");
	else if (least == most)
		snprintf(text, 16, "%d", most);
	else
		snprintf(text, 16, "%d-%d", least, most);
	return text;
}

/* The version that a call would use, -1: none. */
static int used_version(const struct kwire_versions *versions, const struct kwire_api *api)
{
	int16_t version;

	if (api == NULL || kwire_versions_negotiate(versions, api, &version, NULL) != KWIRE_OK)
		return -1;
	return version;
}

static json_t *feature_list(const struct kwire_versions *versions,
			    bool (*feature)(const struct kwire_versions *, int,
					    struct kwire_feature *))
{
	json_t *list = json_array();
	struct kwire_feature f;

	for (int i = 0; feature(versions, i, &f); i++)
		json_array_append_new(list,
				      json_pack("{so si si}", "name", out_json_string(f.name),
						"min", (int)f.min_level, "max", (int)f.max_level));
	return list;
}

static json_t *answer_json(const struct answer *answer)
{
	const struct kwire_versions *versions = answer->versions;
	struct kwire_version_range range;
	json_t *apis = json_array();

	for (int i = 0; kwire_versions_at(versions, i, &range); i++) {
		const struct kwire_api *api = find_api(range.api_key);
		int used = used_version(versions, api);

		json_array_append_new(
			apis,
			json_pack("{si so si si so so so}", "key", (int)range.api_key, "name",
				  out_json_text(kwire_api_name(range.api_key)), "min",
				  (int)range.min_version, "max", (int)range.max_version, "kwireMin",
				  api ? json_integer(api->min_version) : json_null(), "kwireMax",
				  api ? json_integer(api->latest_stable_version) : json_null(),
				  "used", used >= 0 ? json_integer(used) : json_null()));
	}
	return json_pack(
		"{si ss si so so so sI}", "id", (int)answer->info.node_id, "host",
		answer->info.host, "port", (int)answer->info.port, "apis", apis,
		"supportedFeatures", feature_list(versions, kwire_versions_supported_feature),
		"finalizedFeatures", feature_list(versions, kwire_versions_finalized_feature),
		"finalizedEpoch", (json_int_t)kwire_versions_finalized_epoch(versions));
}

static void print_features(const char *title, const struct kwire_versions *versions,
			   bool (*feature)(const struct kwire_versions *, int,
					   struct kwire_feature *))
{
	struct kwire_feature f;
	char text[16];

	for (int i = 0; feature(versions, i, &f); i++)
		printf("%s%s %s", i ? ", " : title, out_text(f.name),
		       range_text(f.min_level, f.max_level, text));
	if (feature(versions, 0, &f))
		putchar('\n');
}

static void print_table(const struct cli *cli, const struct kwire_versions *versions)
{
	static const char *const heads[] = {">KEY", "API", ">BROKER", ">KWIRE", ">USED", NULL};
	struct kwire_version_range range;
	struct out_table table;
	char text[16];

	out_table_init(&table, heads);
	for (int i = 0; kwire_versions_at(versions, i, &range); i++) {
		const struct kwire_api *api = find_api(range.api_key);
		int used = used_version(versions, api);

		out_cell(&table, "%d", (int)range.api_key);
		out_cell(&table, "%s", name_of(range.api_key));
		out_cell(&table, "%s", range_text(range.min_version, range.max_version, text));
		out_cell(&table, "%s",
			 api ? range_text(api->min_version, api->latest_stable_version, text)
			     : "-");
		out_cell(&table, used >= 0 ? "%d" : "-", used);
	}
	out_table_print(&table, cli->terminal);
	print_features("supported features: ", versions, kwire_versions_supported_feature);
	print_features("finalized features: ", versions, kwire_versions_finalized_feature);
}

static bool same_features(const struct kwire_versions *a, const struct kwire_versions *b,
			  bool (*feature)(const struct kwire_versions *, int,
					  struct kwire_feature *))
{
	struct kwire_feature f, g;

	for (int i = 0;; i++) {
		bool has = feature(a, i, &f);

		if (has != feature(b, i, &g))
			return false;
		if (!has)
			return true;
		if (f.name.size != g.name.size ||
		    memcmp(f.name.data, g.name.data, (size_t)f.name.size) != 0 ||
		    f.min_level != g.min_level || f.max_level != g.max_level)
			return false;
	}
}

static bool same_table(const struct kwire_versions *a, const struct kwire_versions *b)
{
	struct kwire_version_range x, y;

	if (kwire_versions_count(a) != kwire_versions_count(b))
		return false;
	for (int i = 0; kwire_versions_at(a, i, &x); i++)
		if (!kwire_versions_range(b, x.api_key, &y) || x.min_version != y.min_version ||
		    x.max_version != y.max_version)
			return false;
	return same_features(a, b, kwire_versions_supported_feature) &&
	       same_features(a, b, kwire_versions_finalized_feature);
}

/* One table for all brokers that answered the same. */
static void print_answers(const struct cli *cli, struct answer *answers, int count)
{
	bool first = true;

	for (int i = 0; i < count; i++) {
		if (answers[i].versions == NULL || answers[i].printed)
			continue;
		fputs(first ? "" : "\n", stdout);
		first = false;
		for (int j = i; j < count; j++) {
			if (answers[j].versions == NULL ||
			    !same_table(answers[i].versions, answers[j].versions))
				continue;
			answers[j].printed = true;
			printf("%s%d at %s:%d", j == i ? "broker " : ", ",
			       (int)answers[j].info.node_id, answers[j].info.host,
			       (int)answers[j].info.port);
		}
		puts("\n");
		print_table(cli, answers[i].versions);
	}
}

static int ask(struct cli *cli, struct answer *answer)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_broker *broker = NULL;
	int result = kwire_client_broker(cli->client, answer->info.node_id, &broker, &error);

	if (result == KWIRE_OK) {
		kwire_broker_info(broker, &answer->info);
		result = kwire_broker_versions(broker, cli->timeout_ms, &answer->versions, &error);
	}
	kwire_broker_put(broker);
	return result == KWIRE_OK ? CLI_OK : cli_fail(&error);
}

/* The brokers to ask, in `*answers`; an exit code. */
static int list_brokers(struct cli *cli, int64_t broker, struct answer **answers, int *count)
{
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_broker_info *infos = NULL;
	int capacity = 0;

	*count = broker >= 0;
	while (broker < 0) {
		if (kwire_client_brokers(cli->client, infos, capacity, count, &error) != KWIRE_OK) {
			free(infos);
			return cli_fail(&error);
		}
		if (*count <= capacity)
			break;
		capacity = *count;
		free(infos);
		infos = calloc((size_t)capacity, sizeof(*infos));
		if (infos == NULL)
			capacity = 0;
	}
	*answers = calloc((size_t)*count + 1, sizeof(**answers));
	for (int i = 0; *answers != NULL && i < *count; i++) {
		if (infos != NULL)
			(*answers)[i].info = infos[i];
		else
			(*answers)[i].info.node_id = (int32_t)broker;
	}
	free(infos);
	return *answers != NULL ? CLI_OK : CLI_FAILURE;
}

static int run(struct cli *cli)
{
	struct answer *answers = NULL;
	int64_t broker = -1;
	int count = 0;
	int code;

	if (!cli_integer(cli, BROKER, 0, INT32_MAX, &broker))
		return CLI_USAGE;
	code = cli_open_client(cli);
	if (code == CLI_OK)
		code = list_brokers(cli, broker, &answers, &count);
	for (int i = 0; answers != NULL && i < count; i++)
		if (ask(cli, &answers[i]) != CLI_OK)
			code = CLI_FAILURE;
	if (answers != NULL && cli->json) {
		json_t *list = json_array();

		for (int i = 0; i < count; i++)
			if (answers[i].versions != NULL)
				json_array_append_new(list, answer_json(&answers[i]));
		out_json(json_pack("{so}", "brokers", list));
	} else if (answers != NULL) {
		print_answers(cli, answers, count);
	}
	for (int i = 0; answers != NULL && i < count; i++)
		kwire_versions_free(answers[i].versions);
	free(answers);
	return code;
}

const struct cli_command cli_versions = {
	.name = "versions",
	.operands = "",
	.summary = "Shows the APIs that the brokers offer, and the version kwire would use",
	.details = "\nBrokers that offer the same share a table.\n",
	.options = options,
	.most_operands = 0,
	.run = run,
};
