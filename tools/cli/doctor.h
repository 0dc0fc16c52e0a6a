/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `kwire doctor` finds out of one listener: steps, each with its time, and
 * where one failed, why.  doctor.c takes them, diagnose.c judges;
 * command_doctor.c says which listeners, and prints.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <kwire/api/metadata.h>

#include "cli.h"

struct doctor_step {
	const char *name;
	bool failed;
	int64_t us;
	char detail[600];
	char cause[500]; /* of a failure: what is likely to be wrong; "" where unknown */
};

enum {
	DOCTOR_STEPS = 6,
};

/* One listener. */
struct doctor_target {
	char host[256];
	int port;
	int32_t node_id; /* -1: of bootstrap.servers */
	int step_count;
	struct doctor_step steps[DOCTOR_STEPS];
};

/* How brokers are spoken to. */
struct doctor_security {
	bool tls;
	bool sasl;
};

/* When frames of set-up went and came; a connection's thread writes it, before it is ready. */
struct doctor_times {
	int64_t versions_us[2]; /* the first frame, and the last; 0: none */
	int64_t sasl_us[2];
};

struct doctor {
	struct cli *cli;
	struct doctor_security security;
	int64_t timeout_ms; /* of one step */
	struct doctor_times times;
};

/* Stays where it is from here on: what is opened with the config of `cli` tells it. */
int doctor_init(struct doctor *doctor, struct cli *cli, struct kwire_error *error);

/*
 * Takes the steps of one listener, up to the first that fails.  With `metadata`
 * not NULL, asks it for the cluster's brokers in the end: for
 * kwire_response_free().  False: a step failed.
 */
bool doctor_examine(struct doctor *doctor, struct doctor_target *target,
		    struct kwire_metadata_response **metadata);

/* Fills the cause of a step that failed with `error`. */
void doctor_diagnose(struct doctor *doctor, const struct doctor_target *target,
		     struct doctor_step *step, const struct kwire_error *error);

/*
 * Opens a connection as the security protocol `protocol` has it, without looking
 * at certificates.  Never one with SASL: a password is not for strangers.
 */
int doctor_probe(struct doctor *doctor, const struct doctor_target *target, const char *protocol,
		 struct kwire_error *error);

#endif
