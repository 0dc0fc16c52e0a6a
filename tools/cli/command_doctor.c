/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kwire doctor`: goes the way of a client, step by step, to the bootstrap
 * servers and then to every listener that the cluster advertises.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "output.h"

struct report {
	struct doctor doctor;
	json_t *targets; /* --json */
	int steps;
	int failed;
};

static void on_signal(int number)
{
	(void)number;
	_exit(CLI_INTERRUPTED);
}

static json_t *step_json(const struct doctor_step *step)
{
	return json_pack("{ss ss sf so so}", "step", step->name, "status",
			 step->failed ? "failed" : "ok", "ms", (double)step->us / 1000, "detail",
			 out_json_text(step->detail), "cause",
			 out_json_text(step->cause[0] != '\0' ? step->cause : NULL));
}

static json_t *target_json(const struct doctor_target *target)
{
	json_t *steps = json_array();

	for (int i = 0; i < target->step_count; i++)
		json_array_append_new(steps, step_json(&target->steps[i]));
	return json_pack("{ss si so so}", "host", target->host, "port", target->port, "broker",
			 target->node_id >= 0 ? json_integer(target->node_id) : json_null(),
			 "steps", steps);
}

static void print_head(const struct doctor_target *target)
{
	const char *form = strchr(target->host, ':') != NULL ? "%s [%s]:%d\n" : "%s %s:%d\n";
	char who[32] = "bootstrap server";

	if (target->node_id >= 0)
		snprintf(who, sizeof(who), "broker %d", (int)target->node_id);
	printf(form, who, target->host, target->port);
}

static void print_step(const struct report *report, const struct doctor_step *step)
{
	bool good = !step->failed;
	const char *on = "", *off = "";

	if (report->doctor.cli->terminal) {
		on = good ? "\033[32m" : "\033[1;31m";
		off = "\033[0m";
	}
	printf("  %s%-4s%s  %-8s  %9.2f ms  %s\n", on, good ? "ok" : "FAIL", off, step->name,
	       (double)step->us / 1000, step->detail);
	if (step->cause[0] != '\0')
		printf("        likely: %s\n", step->cause);
}

/* Counts, and prints or keeps. */
static void take(struct report *report, const struct doctor_target *target)
{
	for (int i = 0; i < target->step_count; i++) {
		report->steps++;
		report->failed += target->steps[i].failed;
	}
	if (report->targets != NULL) {
		json_array_append_new(report->targets, target_json(target));
		return;
	}
	print_head(target);
	for (int i = 0; i < target->step_count; i++)
		print_step(report, &target->steps[i]);
	fflush(stdout);
}

/* The next "host:port", "[host]:port" or "host" of the list, which was checked when it was set. */
static bool next_server(const char **list, struct doctor_target *target)
{
	const char *at = *list + strspn(*list, " ,\t");
	size_t size = strcspn(at, ",");
	char entry[300];
	char *port = NULL, *end;

	if (size == 0 || size >= sizeof(entry))
		return false;
	*list = at + size;
	memcpy(entry, at, size);
	entry[size] = '\0';
	memset(target, 0, sizeof(*target));
	target->node_id = -1;
	target->port = 9092;
	at = entry;
	if (*entry == '[' && (end = strchr(entry, ']')) != NULL) {
		*end = '\0';
		at = entry + 1;
		port = end[1] == ':' ? end + 2 : NULL;
	} else if ((end = strchr(entry, ':')) != NULL && strchr(end + 1, ':') == NULL) {
		*end = '\0';
		port = end + 1;
	}
	if (port != NULL)
		target->port = (int)strtol(port, NULL, 10);
	snprintf(target->host, sizeof(target->host), "%.*s", (int)strcspn(at, " \t"), at);
	return true;
}

static void examine_brokers(struct report *report, const struct kwire_metadata_response *metadata)
{
	struct doctor_target target;

	for (int32_t i = 0; i < metadata->brokers.count; i++) {
		memset(&target, 0, sizeof(target));
		snprintf(target.host, sizeof(target.host), "%s",
			 metadata->brokers.items[i].host.data);
		target.port = metadata->brokers.items[i].port;
		target.node_id = metadata->brokers.items[i].node_id;
		doctor_examine(&report->doctor, &target, NULL);
		take(report, &target);
	}
}

static int conclude(struct report *report, bool reached)
{
	bool good = reached && report->failed == 0;

	if (report->targets != NULL)
		out_json(json_pack("{sb so}", "ok", good, "targets", report->targets));
	else if (good)
		printf("\nEverything works.\n");
	else if (!reached)
		printf("\nNo bootstrap server gave the list of brokers; none of them was tried.\n");
	else
		printf("\n%d of %d steps failed.\n", report->failed, report->steps);
	return good ? CLI_OK : CLI_FAILURE;
}

static int run(struct cli *cli)
{
	struct report report = {.steps = 0};
	struct kwire_error error = KWIRE_ERROR_INIT;
	struct kwire_metadata_response *metadata = NULL, *found;
	static char servers[65536];
	struct sigaction action = {.sa_handler = on_signal};
	struct doctor_target target;
	const char *list = servers;
	int code;

	kwire_config_get(cli->config, "bootstrap.servers", servers, sizeof(servers), NULL);
	if (servers[0] == '\0')
		return cli_usage(cli,
				 "which cluster? -b HOST:PORT, or bootstrap.servers by -X or -F");
	if (doctor_init(&report.doctor, cli, &error) != KWIRE_OK)
		return cli_fail(&error);
	if (cli->json)
		report.targets = json_array();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (next_server(&list, &target)) {
		found = NULL;
		doctor_examine(&report.doctor, &target, &found);
		take(&report, &target);
		if (metadata == NULL)
			metadata = found;
		else
			kwire_response_free(found);
	}
	if (metadata != NULL)
		examine_brokers(&report, metadata);
	code = conclude(&report, metadata != NULL);
	kwire_response_free(metadata);
	return code;
}

const struct cli_command cli_doctor = {
	.name = "doctor",
	.operands = "",
	.summary = "Finds out why a cluster cannot be reached",
	.details =
		"\nGoes the way of a client: resolves each bootstrap server, connects to each of "
		"its\n"
		"addresses, does TLS and SASL as configured, negotiates versions and asks for the\n"
		"brokers; then does the same with every listener that these advertise.  Each step "
		"is\n"
		"told with its time, and one that fails with its likely cause.  --timeout is for "
		"each\n"
		"step (5000).  Exit code 0: everything works; 1: something does not.\n",
	.most_operands = 0,
	.run = run,
};
