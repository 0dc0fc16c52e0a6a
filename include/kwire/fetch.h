/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers around one partition: fetch its records, find its offsets, produce a
 * batch to it.  They route to the partition's leader, choose between topic name
 * and topic id as the version wants, look the leader up anew and repeat once
 * when it has moved, and turn Kafka's error codes into KWIRE_EKAFKA, the code
 * being in error.kafka_code.  KWIRE_ONE_WAY among their flags is KWIRE_EINVAL,
 * but for producing with acks 0.
 *
 * Each call blocks until the answer, within its timeout.  Any thread may call
 * them on a client; a struct kwire_fetched belongs to one thread at a time.
 */
#ifndef KWIRE_FETCH_H
#define KWIRE_FETCH_H

#include <kwire/client.h>
#include <kwire/connection.h>
#include <kwire/records.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kwire_isolation {
	KWIRE_READ_UNCOMMITTED = 0,
	KWIRE_READ_COMMITTED = 1, /* nothing of open or aborted transactions */
};

/* ---------------------------------------------------------------- fetching */

/* How to fetch; NULL, or KWIRE_FETCH_OPTIONS_INIT, is the common case. */
struct kwire_fetch_options {
	size_t size;                 /* sizeof(struct kwire_fetch_options) */
	int64_t timeout_ms;          /* of the call; -1: request.timeout.ms and max_wait_ms */
	int32_t max_wait_ms;         /* how long the broker may wait for min_bytes */
	int32_t min_bytes;           /* 0: answer at once */
	int32_t max_bytes;           /* of the whole answer */
	int32_t partition_max_bytes; /* of each partition */
	enum kwire_isolation isolation;
	int32_t broker_id; /* ask this replica; -1: the leader, or the replica that it prefers */
	const char *rack;  /* the client's, for the nearest replica (KIP-392); NULL: none */
	bool check_crcs;
	unsigned flags; /* KWIRE_WAIT: see kwire/call.h */
};

#define KWIRE_FETCH_OPTIONS_INIT                                                   \
	{                                                                          \
		sizeof(struct kwire_fetch_options), -1, 500, 1, 50 << 20, 1 << 20, \
			KWIRE_READ_UNCOMMITTED, -1, NULL, true, 0                  \
	}

/* What to fetch of a partition. */
struct kwire_fetch_target {
	const char *topic;
	struct kwire_uuid topic_id; /* zero: not known.  Needed on a connection.  On a client, what
				       the topic's id has to be: UNKNOWN_TOPIC_ID (100) says that it
				       was deleted and made again, its offsets being others' */
	int32_t partition;
	int32_t current_leader_epoch; /* refuse (74, 75) if the leader's differs; -1: never */
	int32_t last_fetched_epoch;   /* see diverging_end_offset; -1: not known */
	int32_t max_bytes;            /* 0: the options' partition_max_bytes */
	int64_t offset;               /* of the first record wanted */
};

#define KWIRE_FETCH_TARGET_INIT                        \
	{                                              \
		NULL, KWIRE_UUID_INIT, 0, -1, -1, 0, 0 \
	}

/* What came of a partition. */
struct kwire_fetched_partition {
	const char *topic;
	int32_t partition;
	int16_t kafka_code;         /* Kafka's error, 0: none; -1: it was not in the answer */
	int64_t offset;             /* asked for */
	int64_t next_offset;        /* to ask for next; moves as records are read */
	int64_t high_watermark;     /* records below are replicated; -1: not known */
	int64_t last_stable_offset; /* below, no transaction is open; -1: not known */
	int64_t log_start_offset;   /* of the first record there is; -1: not known */
	int32_t leader_id;          /* where the error says that it moved; -1: not said */
	int32_t leader_epoch;
	int32_t preferred_replica; /* asks to be fetched from that broker; -1: no */
	int32_t diverging_epoch;   /* the log is another one from diverging_end_offset on; -1: no */
	int64_t diverging_end_offset;
	int64_t bytes;              /* of record batches that came */
	bool cut_off;               /* the last batch came in part: the rest comes next time */
	int64_t too_large_bytes;    /* not even the first batch fitted, which has so many; 0: no */
	struct kwire_uuid topic_id; /* that was fetched from; zero: brokers before 2.8 have none */
};

struct kwire_fetched;

/*
 * Fetches records of one partition, from `offset` on.  `*fetched` is NULL, or
 * what an earlier call gave, whose contents are dropped and whose buffers are
 * used again: a loop that does so allocates no more than the response.
 *
 * No data by max_wait_ms is success, with no records.  KWIRE_ETOOLARGE: the
 * next batch is larger than the limits given (too_large_bytes, in the result,
 * is what it needs).  KWIRE_EKAFKA: OFFSET_OUT_OF_RANGE and the like.  After a
 * failure, `*fetched`, if not NULL, is still the caller's to free.
 */
KWIRE_API int kwire_fetch_partition(struct kwire_client *client, const char *topic,
				    int32_t partition, int64_t offset,
				    const struct kwire_fetch_options *options,
				    struct kwire_fetched **fetched, struct kwire_error *error);

/*
 * The same of `count` partitions; they are found in the result by their index
 * in `targets`.  Leaders are asked together, each for what it leads, and
 * max_wait_ms and max_bytes hold for each: with several, the call takes as long
 * as the one that waits longest.  A replica near `rack` is asked where one
 * leader has all of them and names the same one for all.  A partition's error,
 * having no leader included, stands in its kafka_code; the call fails when none
 * of them could be fetched.  A partition whose broker does not lead it, or was
 * lost, is looked up and asked again, which may wait max_wait_ms once more:
 * until the deadline, but once only where others were answered.  KWIRE_EPARTIAL:
 * a leader did not answer, or refused the whole, and the partitions with
 * kafka_code -1 were its.  KWIRE_EINVAL: one is there twice.
 */
KWIRE_API int kwire_fetch_partitions(struct kwire_client *client,
				     const struct kwire_fetch_target *targets, int32_t count,
				     const struct kwire_fetch_options *options,
				     struct kwire_fetched **fetched, struct kwire_error *error);

/* The same on a connection, whoever leads: nothing is looked up, nothing repeated. */
KWIRE_API int kwire_connection_fetch(struct kwire_connection *connection,
				     const struct kwire_fetch_target *targets, int32_t count,
				     const struct kwire_fetch_options *options,
				     struct kwire_fetched **fetched, struct kwire_error *error);

/* Frees what was fetched, records included.  Takes NULL. */
KWIRE_API void kwire_fetched_free(struct kwire_fetched *fetched);

/* How many partitions there are: as many as were asked for. */
KWIRE_API int32_t kwire_fetched_count(const struct kwire_fetched *fetched);

/* What came of the `index`th; NULL past the last.  Borrowed, until the next fetch or free. */
KWIRE_API const struct kwire_fetched_partition *kwire_fetched_partition(
	const struct kwire_fetched *fetched, int32_t index);

/*
 * The next record of the `index`th partition: 1 with `*record`, 0 at the end.
 * Records below the offset asked for, control records and, with
 * KWIRE_READ_COMMITTED, those of aborted transactions are left out, exactly as
 * Kafka's own consumer does.  The record is valid until the next call with the
 * same `fetched`, unless it is uncompressed: then until the next fetch or free.
 * Failing (see kwire_batch_reader_record()) concerns one batch: the next call
 * goes on behind it, and next_offset stays before it until then.  With
 * KWIRE_READ_COMMITTED it ends the partition instead: the batch may have been
 * the marker that says what is committed behind it.  next_offset stays before
 * it; fetch again, from there or from an offset behind it.  Without memory
 * (KWIRE_ENOMEM) the next call tries the same batch again, always.
 */
KWIRE_API int kwire_fetched_next(struct kwire_fetched *fetched, int32_t index,
				 struct kwire_record *record, struct kwire_error *error);

/* A record in an array. */
struct kwire_fetched_record {
	int64_t offset;
	int64_t timestamp;
	struct kwire_bytes key;
	struct kwire_bytes value;
	const struct kwire_header *headers;
	int32_t header_count;
	int32_t leader_epoch; /* of the batch, -1: not known */
};

/*
 * All records of the `index`th partition that kwire_fetched_next() has not yet
 * returned, as one array, valid with all that it points to until the next fetch
 * or free.  On failure `*records` holds those before it, and what the next call
 * does is as above.
 */
KWIRE_API int kwire_fetched_records(struct kwire_fetched *fetched, int32_t index,
				    const struct kwire_fetched_record **records, int32_t *count,
				    struct kwire_error *error);

/* ----------------------------------------------------------------- offsets */

/* Times that kwire_list_offset() takes besides milliseconds since 1970. */
enum {
	KWIRE_OFFSET_LATEST = -1,        /* after the last record (READ_COMMITTED: stable one) */
	KWIRE_OFFSET_EARLIEST = -2,      /* of the first record there is */
	KWIRE_OFFSET_MAX_TIMESTAMP = -3, /* of the record with the largest timestamp (Kafka 3.0) */
};

struct kwire_listed_offset {
	int64_t offset;       /* -1: there is no such record */
	int64_t timestamp;    /* of that record; -1: none */
	int32_t leader_epoch; /* of that record; -1: not known */
};

/* Finds the first offset whose record has at least `timestamp`, or one of the above. */
KWIRE_API int kwire_list_offset(struct kwire_client *client, const char *topic, int32_t partition,
				int64_t timestamp, enum kwire_isolation isolation,
				struct kwire_listed_offset *offset,
				const struct kwire_send_options *options,
				struct kwire_error *error);

struct kwire_epoch_end_offset {
	int32_t leader_epoch; /* the largest known one, up to that asked for; -1: none */
	int64_t end_offset;   /* where it ended; -1: none */
};

/*
 * Where leader epoch `epoch` ended in the leader's log (KIP-101, KIP-320).
 * `current_epoch` -1: whichever the leader has; else it refuses where it differs.
 */
KWIRE_API int kwire_offset_for_leader_epoch(struct kwire_client *client, const char *topic,
					    int32_t partition, int32_t current_epoch, int32_t epoch,
					    struct kwire_epoch_end_offset *offset,
					    const struct kwire_send_options *options,
					    struct kwire_error *error);

/* --------------------------------------------------------------- producing */

/* How to produce; NULL, or KWIRE_PRODUCE_OPTIONS_INIT, is the common case. */
struct kwire_produce_options {
	size_t size;                  /* sizeof(struct kwire_produce_options) */
	int64_t timeout_ms;           /* of the call; -1: request.timeout.ms and ack_timeout_ms */
	int32_t ack_timeout_ms;       /* how long the leader may wait for its replicas */
	int16_t acks;                 /* -1: all replicas in sync; 1: the leader; 0: nobody */
	bool create_topic;            /* where the brokers create topics on first use */
	const char *transactional_id; /* of a transactional batch; NULL: none */
	unsigned flags;               /* KWIRE_WAIT: see kwire/call.h */
};

#define KWIRE_PRODUCE_OPTIONS_INIT                                                  \
	{                                                                           \
		sizeof(struct kwire_produce_options), -1, 30000, -1, false, NULL, 0 \
	}

struct kwire_produced {
	int64_t base_offset;      /* of the batch's first record; -1: not told (acks 0) */
	int64_t append_time_ms;   /* where the topic has LogAppendTime, else -1 */
	int64_t log_start_offset; /* -1: not told */
};

/*
 * Produces one batch (see kwire_batch_builder_end()), borrowed until this
 * returns, to the partition's leader.  It is repeated by itself only where
 * nothing can have been written: not a byte was sent, or the broker's code
 * proves it.  NOT_LEADER_OR_FOLLOWER proves nothing with acks -1 (leadership
 * may have gone while the leader waited for its replicas), unless the batch
 * has a producer id and sequence, by which brokers recognise repeats.  Else
 * error.outcome says what is known.  `produced` may be NULL.
 */
KWIRE_API int kwire_produce_batch(struct kwire_client *client, const char *topic, int32_t partition,
				  struct kwire_bytes batch,
				  const struct kwire_produce_options *options,
				  struct kwire_produced *produced, struct kwire_error *error);

#ifdef __cplusplus
}
#endif

#endif
