/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark program: runs the parts, prints the rows as a table and as
 * JSON.  `bench --check FILE` reads nothing back: it runs too, and exits 1 when
 * a row misses its goal without an excuse.  See bench.h.
 */
#include "bench.h"

#include <fnmatch.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_ROWS = 400,
	MAX_BLOCKS = 4096,
	MAX_EXCUSES = 100
};

struct bench_options bench_options = {NULL, 7, 0.4};

/* Lines "row: reason" of tests/bench/excuses; a row may be a shell pattern. */
struct excuse {
	char row[64];
	char reason[400];
};
static struct excuse excuses[MAX_EXCUSES];
static int excuse_count;

static struct bench_row rows[MAX_ROWS];
static int row_count;

void bench_die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(2);
}

double bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (core >= 0)
		CPU_SET((unsigned)core, &set);
	else
		for (unsigned i = 0; i < (unsigned)sysconf(_SC_NPROCESSORS_ONLN); i++)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

bool bench_wants(const char *name)
{
	const char *list = bench_options.rows;

	if (list == NULL)
		return true;
	while (*list != '\0') {
		size_t size = strcspn(list, ","), own = strlen(name);

		if (size > 0 && strncmp(name, list, size < own ? size : own) == 0)
			return true;
		list += size + (list[size] == ',');
	}
	return false;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, int count)
{
	if (count == 0)
		return 0;
	qsort(values, (size_t)count, sizeof(*values), compare_doubles);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void bench_compare(struct bench_row *row, struct bench_way kwire, struct bench_way limit, int block,
		   bool as_rate)
{
	static double ours[MAX_BLOCKS], theirs[MAX_BLOCKS], ratios[MAX_BLOCKS];
	int blocks = 0, least = bench_options.rounds * 4;
	double end;

	kwire.run(kwire.context, block);
	limit.run(limit.context, block);
	end = bench_now() + bench_options.rounds * bench_options.round_time;
	while (blocks < MAX_BLOCKS && (blocks < least || bench_now() < end)) {
		/* Alternating which goes first, so that a drift of the clock speed cancels. */
		if (blocks % 2 == 0)
			ours[blocks] = kwire.run(kwire.context, block);
		theirs[blocks] = limit.run(limit.context, block);
		if (blocks % 2 != 0)
			ours[blocks] = kwire.run(kwire.context, block);
		ratios[blocks] = as_rate ? theirs[blocks] / ours[blocks]
					 : ours[blocks] / theirs[blocks];
		blocks++;
	}
	row->ratio = bench_median(ratios, blocks);
	row->low = ratios[blocks / 10];
	row->high = ratios[blocks - 1 - blocks / 10];
	row->value = bench_median(ours, blocks) / block;
	row->limit = bench_median(theirs, blocks) / block;
	if (as_rate) {
		row->value = 1 / row->value;
		row->limit = 1 / row->limit;
	}
}

static bool met(const struct bench_row *row)
{
	double figure = row->limit != 0 ? row->ratio : row->value;

	return row->goal == 0 || (row->at_most ? figure <= row->goal : figure >= row->goal);
}

static void print_row(const struct bench_row *row)
{
	char limit[32] = "", ratio[64] = "", goal[32] = "";

	if (row->limit != 0)
		snprintf(limit, sizeof(limit), "%.4g", row->limit);
	if (row->ratio != 0)
		snprintf(ratio, sizeof(ratio), "%.3f [%.2f..%.2f]", row->ratio, row->low,
			 row->high);
	if (row->goal != 0)
		snprintf(goal, sizeof(goal), "%s %.4g", row->at_most ? "<=" : ">=", row->goal);
	printf("%-34s %12.5g %-10s %10s  %-22s %-10s %s\n", row->name, row->value, row->unit, limit,
	       ratio, goal,
	       row->goal == 0        ? ""
	       : met(row)            ? "met"
	       : row->excuse != NULL ? "excused"
				     : "MISSED");
	fflush(stdout);
}

static void read_excuses(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512];

	if (file == NULL)
		bench_die("%s cannot be read", path);
	while (fgets(line, sizeof(line), file) != NULL) {
		struct excuse *excuse = &excuses[excuse_count];

		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%63[^: ]: %399[^\n]", excuse->row, excuse->reason) != 2)
			bench_die("%s: not \"row: reason\": %s", path, line);
		if (++excuse_count == MAX_EXCUSES)
			bench_die("%s: more than %d excuses", path, MAX_EXCUSES - 1);
	}
	fclose(file);
}

static const char *find_excuse(const char *name)
{
	for (int i = 0; i < excuse_count; i++)
		if (fnmatch(excuses[i].row, name, 0) == 0)
			return excuses[i].reason;
	return NULL;
}

void bench_add(const struct bench_row *row)
{
	if (row_count == MAX_ROWS)
		bench_die("more than %d rows", MAX_ROWS);
	rows[row_count] = *row;
	if (met(row))
		rows[row_count].excuse = NULL;
	else if (row->excuse == NULL)
		rows[row_count].excuse = find_excuse(row->name);
	print_row(&rows[row_count++]);
}

/* A number that is there, or null. */
static void put_number(FILE *file, const char *name, double value, bool there)
{
	if (there)
		fprintf(file, ", \"%s\": %.6g", name, value);
	else
		fprintf(file, ", \"%s\": null", name);
}

static void write_json(const char *path)
{
	FILE *file = fopen(path, "w");

	if (file == NULL)
		bench_die("%s cannot be written", path);
	fputs("[\n", file);
	for (int i = 0; i < row_count; i++) {
		const struct bench_row *row = &rows[i];

		fprintf(file, "  {\"name\": \"%s\"", row->name);
		put_number(file, "value", row->value, true);
		fprintf(file, ", \"unit\": \"%s\"", row->unit);
		put_number(file, "limit", row->limit, row->limit != 0);
		put_number(file, "ratio", row->ratio, row->limit != 0);
		put_number(file, "goal", row->goal, row->goal != 0);
		fprintf(file, ", \"met\": %s, \"excused\": %s", met(row) ? "true" : "false",
			row->excuse != NULL ? "true" : "false");
		put_number(file, "low", row->low, row->limit != 0);
		put_number(file, "high", row->high, row->limit != 0);
		fprintf(file, ", \"bound\": \"%s\"}%s\n", row->at_most ? "at most" : "at least",
			i + 1 < row_count ? "," : "");
	}
	fputs("]\n", file);
	if (fclose(file) != 0)
		bench_die("%s cannot be written", path);
}

static int check(void)
{
	int missed = 0;

	for (int i = 0; i < row_count; i++) {
		if (met(&rows[i]))
			continue;
		printf("%s %s: %s\n", rows[i].excuse != NULL ? "excused" : "missed", rows[i].name,
		       rows[i].excuse != NULL ? rows[i].excuse : "no excuse");
		missed += rows[i].excuse == NULL;
	}
	return missed;
}

int main(int argc, char **argv)
{
	const char *json = NULL;
	const char *rounds = getenv("BENCH_ROUNDS");
	bool checking = false;

	bench_options.rows = getenv("BENCH_ROWS");
	if (bench_options.rows != NULL && *bench_options.rows == '\0')
		bench_options.rows = NULL;
	if (rounds != NULL && atoi(rounds) > 0)
		bench_options.rounds = atoi(rounds);
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--check") == 0)
			checking = true;
		else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
			json = argv[++i];
		else if (strcmp(argv[i], "--excuses") == 0 && i + 1 < argc)
			read_excuses(argv[++i]);
		else if (strcmp(argv[i], "--counted") == 0 && i + 4 < argc)
			return bench_counted(argv + i + 1);
		else
			bench_die("usage: bench [--json FILE] [--excuses FILE] [--check]");
	printf("%-34s %12s %-10s %10s  %-22s %-10s\n", "row", "value", "unit", "limit",
	       "ratio [p10..p90]", "goal");
	bench_calls();
	bench_tls();
	bench_counts();
	bench_codec();
	bench_records();
	bench_streams();
	bench_connect();
	bench_scram();
	bench_idle();
	bench_growth();
	bench_topology();
	bench_mock();
	bench_embedded();
	if (json != NULL)
		write_json(json);
	return checking && check() > 0 ? 1 : 0;
}
