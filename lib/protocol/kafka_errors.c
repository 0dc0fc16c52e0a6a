/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's error codes, as of 4.4, and what its clients make of each: whether
 * the same request may succeed later, and what has to be looked up before it
 * is tried again.  Called by the client and by users' programs.
 */
#include <kwire/result.h>

/* What a client does about a code. */
enum cure {
	FINAL,       /* nothing: the request would fail again */
	RETRY,       /* try again later */
	METADATA,    /* look up leader or topic, then try again */
	COORDINATOR, /* look up the coordinator, then try again */
};

/* Code, name, cure, text; ascending and without a gap. */
#define KAFKA_ERRORS(X)                                                                            \
	X(-1, UNKNOWN_SERVER_ERROR, FINAL,                                                         \
	  "the broker met an error that it has no code for; its log says more")                    \
	X(0, NONE, FINAL, "no error")                                                              \
	X(1, OFFSET_OUT_OF_RANGE, FINAL, "the offset is outside what the partition holds")         \
	X(2, CORRUPT_MESSAGE, RETRY, "a record batch failed its checksum or is malformed")         \
	X(3, UNKNOWN_TOPIC_OR_PARTITION, METADATA,                                                 \
	  "the broker does not host this topic or partition")                                      \
	X(4, INVALID_FETCH_SIZE, FINAL, "the size asked for in a fetch is not valid")              \
	X(5, LEADER_NOT_AVAILABLE, METADATA, "the partition has no leader at the moment")          \
	X(6, NOT_LEADER_OR_FOLLOWER, METADATA,                                                     \
	  "the broker is not the partition's leader, or no replica of it")                         \
	X(7, REQUEST_TIMED_OUT, RETRY,                                                             \
	  "the broker did not finish within the request's own timeout")                            \
	X(8, BROKER_NOT_AVAILABLE, FINAL, "the broker is not available")                           \
	X(9, REPLICA_NOT_AVAILABLE, METADATA, "the replica is not available on this broker")       \
	X(10, MESSAGE_TOO_LARGE, FINAL, "the batch is larger than the topic or broker accepts")    \
	X(11, STALE_CONTROLLER_EPOCH, FINAL, "a newer controller has taken over")                  \
	X(12, OFFSET_METADATA_TOO_LARGE, FINAL, "the text committed with an offset is too long")   \
	X(13, NETWORK_EXCEPTION, METADATA, "the broker lost a connection before it had an answer") \
	X(14, COORDINATOR_LOAD_IN_PROGRESS, RETRY, "the coordinator is still loading its state")   \
	X(15, COORDINATOR_NOT_AVAILABLE, COORDINATOR, "the coordinator is not available")          \
	X(16, NOT_COORDINATOR, COORDINATOR,                                                        \
	  "this broker does not coordinate that group or transaction")                             \
	X(17, INVALID_TOPIC_EXCEPTION, FINAL,                                                      \
	  "the topic's name is not valid, or not open to this operation")                          \
	X(18, RECORD_LIST_TOO_LARGE, FINAL, "the batch is larger than a log segment may be")       \
	X(19, NOT_ENOUGH_REPLICAS, RETRY, "fewer replicas are in sync than the topic demands")     \
	X(20, NOT_ENOUGH_REPLICAS_AFTER_APPEND, RETRY,                                             \
	  "written, but to fewer in-sync replicas than demanded")                                  \
	X(21, INVALID_REQUIRED_ACKS, FINAL, "acks has to be -1, 0 or 1")                           \
	X(22, ILLEGAL_GENERATION, FINAL, "the group has moved on to another generation")           \
	X(23, INCONSISTENT_GROUP_PROTOCOL, FINAL,                                                  \
	  "the member's protocols do not fit those of the group")                                  \
	X(24, INVALID_GROUP_ID, FINAL, "the group id is not valid")                                \
	X(25, UNKNOWN_MEMBER_ID, FINAL, "the group does not know this member")                     \
	X(26, INVALID_SESSION_TIMEOUT, FINAL,                                                      \
	  "the session timeout is outside what the broker allows")                                 \
	X(27, REBALANCE_IN_PROGRESS, FINAL, "the group is rebalancing: join again")                \
	X(28, INVALID_COMMIT_OFFSET_SIZE, FINAL, "the committed offsets are too large together")   \
	X(29, TOPIC_AUTHORIZATION_FAILED, FINAL, "not authorized for this topic")                  \
	X(30, GROUP_AUTHORIZATION_FAILED, FINAL, "not authorized for this group")                  \
	X(31, CLUSTER_AUTHORIZATION_FAILED, FINAL, "not authorized for this cluster operation")    \
	X(32, INVALID_TIMESTAMP, FINAL, "a record's timestamp is outside what the topic accepts")  \
	X(33, UNSUPPORTED_SASL_MECHANISM, FINAL, "the broker does not offer this SASL mechanism")  \
	X(34, ILLEGAL_SASL_STATE, FINAL,                                                           \
	  "the request does not fit the state of the SASL exchange")                               \
	X(35, UNSUPPORTED_VERSION, FINAL,                                                          \
	  "the broker does not support this version of the request")                               \
	X(36, TOPIC_ALREADY_EXISTS, FINAL, "a topic of this name exists already")                  \
	X(37, INVALID_PARTITIONS, FINAL, "the number of partitions is not valid")                  \
	X(38, INVALID_REPLICATION_FACTOR, FINAL,                                                   \
	  "the replication factor is not valid for this cluster")                                  \
	X(39, INVALID_REPLICA_ASSIGNMENT, FINAL, "the assignment of replicas is not valid")        \
	X(40, INVALID_CONFIG, FINAL, "a configuration entry is not valid")                         \
	X(41, NOT_CONTROLLER, RETRY, "the broker is not the active controller")                    \
	X(42, INVALID_REQUEST, FINAL, "the broker finds the request inconsistent or malformed")    \
	X(43, UNSUPPORTED_FOR_MESSAGE_FORMAT, FINAL,                                               \
	  "the topic's record format does not support this")                                       \
	X(44, POLICY_VIOLATION, FINAL, "refused by a policy set on the cluster")                   \
	X(45, OUT_OF_ORDER_SEQUENCE_NUMBER, FINAL, "the producer's sequence number leaves a gap")  \
	X(46, DUPLICATE_SEQUENCE_NUMBER, FINAL, "the producer's batch was written before")         \
	X(47, INVALID_PRODUCER_EPOCH, FINAL, "a newer producer with this id is at work")           \
	X(48, INVALID_TXN_STATE, FINAL, "the transaction is not in a state that allows this")      \
	X(49, INVALID_PRODUCER_ID_MAPPING, FINAL,                                                  \
	  "the producer id does not belong to this transactional id")                              \
	X(50, INVALID_TRANSACTION_TIMEOUT, FINAL,                                                  \
	  "the transaction timeout is longer than the broker allows")                              \
	X(51, CONCURRENT_TRANSACTIONS, RETRY,                                                      \
	  "the producer's previous transaction is still being ended")                              \
	X(52, TRANSACTION_COORDINATOR_FENCED, FINAL,                                               \
	  "another transaction coordinator has taken over")                                        \
	X(53, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, FINAL,                                        \
	  "not authorized for this transactional id")                                              \
	X(54, SECURITY_DISABLED, FINAL, "the broker runs without the security feature asked for")  \
	X(55, OPERATION_NOT_ATTEMPTED, FINAL,                                                      \
	  "not tried, because another part of the request failed")                                 \
	X(56, KAFKA_STORAGE_ERROR, METADATA,                                                       \
	  "the broker cannot reach the disk that holds this partition")                            \
	X(57, LOG_DIR_NOT_FOUND, FINAL, "the broker has no such log directory")                    \
	X(58, SASL_AUTHENTICATION_FAILED, FINAL, "the broker refused the credentials")             \
	X(59, UNKNOWN_PRODUCER_ID, FINAL, "the broker knows nothing of this producer id any more") \
	X(60, REASSIGNMENT_IN_PROGRESS, FINAL, "the partition is being reassigned")                \
	X(61, DELEGATION_TOKEN_AUTH_DISABLED, FINAL,                                               \
	  "delegation tokens are not enabled on the cluster")                                      \
	X(62, DELEGATION_TOKEN_NOT_FOUND, FINAL, "there is no such delegation token")              \
	X(63, DELEGATION_TOKEN_OWNER_MISMATCH, FINAL,                                              \
	  "the delegation token belongs to somebody else")                                         \
	X(64, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, FINAL,                                         \
	  "delegation tokens can not be handled on this kind of connection")                       \
	X(65, DELEGATION_TOKEN_AUTHORIZATION_FAILED, FINAL,                                        \
	  "not authorized for this delegation token")                                              \
	X(66, DELEGATION_TOKEN_EXPIRED, FINAL, "the delegation token has expired")                 \
	X(67, INVALID_PRINCIPAL_TYPE, FINAL, "this type of principal is not supported")            \
	X(68, NON_EMPTY_GROUP, FINAL, "the group still has members")                               \
	X(69, GROUP_ID_NOT_FOUND, FINAL, "there is no such group")                                 \
	X(70, FETCH_SESSION_ID_NOT_FOUND, RETRY, "the broker has forgotten this fetch session")    \
	X(71, INVALID_FETCH_SESSION_EPOCH, RETRY,                                                  \
	  "the fetch session's epoch is not the one expected")                                     \
	X(72, LISTENER_NOT_FOUND, METADATA,                                                        \
	  "the leader has no listener of the kind that was asked on")                              \
	X(73, TOPIC_DELETION_DISABLED, FINAL, "the cluster does not allow topics to be deleted")   \
	X(74, FENCED_LEADER_EPOCH, METADATA, "the leader epoch is older than the broker's")        \
	X(75, UNKNOWN_LEADER_EPOCH, RETRY, "the leader epoch is newer than the broker's")          \
	X(76, UNSUPPORTED_COMPRESSION_TYPE, FINAL,                                                 \
	  "the broker does not support this compression in this version")                          \
	X(77, STALE_BROKER_EPOCH, FINAL, "the broker has registered again since")                  \
	X(78, OFFSET_NOT_AVAILABLE, RETRY, "the new leader does not know this offset yet")         \
	X(79, MEMBER_ID_REQUIRED, FINAL, "join once more with the member id in this answer")       \
	X(80, PREFERRED_LEADER_NOT_AVAILABLE, METADATA, "the preferred leader is not available")   \
	X(81, GROUP_MAX_SIZE_REACHED, FINAL, "the group has as many members as it may")            \
	X(82, FENCED_INSTANCE_ID, FINAL, "another member with this instance id has joined")        \
	X(83, ELIGIBLE_LEADERS_NOT_AVAILABLE, METADATA,                                            \
	  "no replica that may become leader is available")                                        \
	X(84, ELECTION_NOT_NEEDED, METADATA, "the partition needs no election")                    \
	X(85, NO_REASSIGNMENT_IN_PROGRESS, FINAL, "the partition is not being reassigned")         \
	X(86, GROUP_SUBSCRIBED_TO_TOPIC, FINAL, "the group is subscribed to this topic")           \
	X(87, INVALID_RECORD, FINAL, "the broker's checks refused a record")                       \
	X(88, UNSTABLE_OFFSET_COMMIT, RETRY,                                                       \
	  "offsets of an open transaction are still to be decided")                                \
	X(89, THROTTLING_QUOTA_EXCEEDED, RETRY, "the quota is used up for now")                    \
	X(90, PRODUCER_FENCED, FINAL,                                                              \
	  "another producer with this transactional id has taken over")                            \
	X(91, RESOURCE_NOT_FOUND, FINAL, "there is no such resource")                              \
	X(92, DUPLICATE_RESOURCE, FINAL, "the request names a resource twice")                     \
	X(93, UNACCEPTABLE_CREDENTIAL, FINAL, "the credential does not meet the broker's demands") \
	X(94, INCONSISTENT_VOTER_SET, FINAL, "the sets of voters differ")                          \
	X(95, INVALID_UPDATE_VERSION, FINAL, "the version given in the update is not valid")       \
	X(96, FEATURE_UPDATE_FAILED, FINAL, "the features could not be updated")                   \
	X(97, PRINCIPAL_DESERIALIZATION_FAILURE, FINAL,                                            \
	  "the controller could not read the forwarded principal")                                 \
	X(98, SNAPSHOT_NOT_FOUND, FINAL, "there is no such snapshot")                              \
	X(99, POSITION_OUT_OF_RANGE, FINAL, "the position is beyond the snapshot's size")          \
	X(100, UNKNOWN_TOPIC_ID, METADATA, "the broker does not know this topic id")               \
	X(101, DUPLICATE_BROKER_REGISTRATION, FINAL,                                               \
	  "a broker with this id is registered already")                                           \
	X(102, BROKER_ID_NOT_REGISTERED, FINAL, "no broker with this id is registered")            \
	X(103, INCONSISTENT_TOPIC_ID, METADATA,                                                    \
	  "the topic's id is not the one that the broker has")                                     \
	X(104, INCONSISTENT_CLUSTER_ID, FINAL, "the cluster id is that of another cluster")        \
	X(105, TRANSACTIONAL_ID_NOT_FOUND, FINAL, "there is no such transactional id")             \
	X(106, FETCH_SESSION_TOPIC_ID_ERROR, RETRY,                                                \
	  "the fetch session uses topic ids differently")                                          \
	X(107, INELIGIBLE_REPLICA, FINAL, "the replica may not be in sync")                        \
	X(108, NEW_LEADER_ELECTED, FINAL, "the change made the partition elect another leader")    \
	X(109, OFFSET_MOVED_TO_TIERED_STORAGE, FINAL, "the offset lies in tiered storage by now")  \
	X(110, FENCED_MEMBER_EPOCH, FINAL, "the group has fenced this member: join again")         \
	X(111, UNRELEASED_INSTANCE_ID, FINAL, "another member still uses this instance id")        \
	X(112, UNSUPPORTED_ASSIGNOR, FINAL, "the group does not support this assignor")            \
	X(113, STALE_MEMBER_EPOCH, FINAL, "the member's epoch is old: heartbeat, then try again")  \
	X(114, MISMATCHED_ENDPOINT_TYPE, FINAL, "the request went to the wrong type of endpoint")  \
	X(115, UNSUPPORTED_ENDPOINT_TYPE, FINAL, "this type of endpoint is not supported")         \
	X(116, UNKNOWN_CONTROLLER_ID, FINAL, "there is no controller with this id")                \
	X(117, UNKNOWN_SUBSCRIPTION_ID, FINAL, "the telemetry subscription is out of date")        \
	X(118, TELEMETRY_TOO_LARGE, FINAL, "the telemetry is larger than the broker accepts")      \
	X(119, INVALID_REGISTRATION, FINAL, "the controller finds the registration not valid")     \
	X(120, TRANSACTION_ABORTABLE, FINAL, "the transaction met an error and has to be aborted") \
	X(121, INVALID_RECORD_STATE, FINAL,                                                        \
	  "the shared record is not in a state that allows this")                                  \
	X(122, SHARE_SESSION_NOT_FOUND, RETRY, "the broker has forgotten this share session")      \
	X(123, INVALID_SHARE_SESSION_EPOCH, RETRY,                                                 \
	  "the share session's epoch is not the one expected")                                     \
	X(124, FENCED_STATE_EPOCH, FINAL,                                                          \
	  "the share state's epoch is older than the coordinator's")                               \
	X(125, INVALID_VOTER_KEY, FINAL, "the voter's key is not that of the replica")             \
	X(126, DUPLICATE_VOTER, FINAL, "the voter is in the set already")                          \
	X(127, VOTER_NOT_FOUND, FINAL, "the voter is not in the set")                              \
	X(128, INVALID_REGULAR_EXPRESSION, FINAL, "the regular expression is not valid")           \
	X(129, REBOOTSTRAP_REQUIRED, FINAL,                                                        \
	  "the client has to begin again from its bootstrap servers")                              \
	X(130, STREAMS_INVALID_TOPOLOGY, FINAL, "the streams topology is not valid")               \
	X(131, STREAMS_INVALID_TOPOLOGY_EPOCH, FINAL, "the streams topology's epoch is not valid") \
	X(132, STREAMS_TOPOLOGY_FENCED, FINAL, "the streams topology's epoch is out of date")      \
	X(133, SHARE_SESSION_LIMIT_REACHED, RETRY,                                                 \
	  "the broker has as many share sessions as it may")                                       \
	X(134, GROUP_DELETION_FAILED, FINAL, "the group could not be deleted")                     \
	X(135, STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED, FINAL,                                  \
	  "the description of the streams topology could not be stored")                           \
	X(136, CONTROLLER_ID_NOT_REGISTERED, FINAL, "no controller with this id is registered")

struct entry {
	const char *name;
	const char *text;
	unsigned char cure;
};

#define FIRST_CODE (-1)
static const struct entry entries[] = {
#define ENTRY(code, name, cure, text) [(code)-FIRST_CODE] = {#name, (text), (cure)},
	KAFKA_ERRORS(ENTRY)
#undef ENTRY
};

struct kwire_kafka_error kwire_kafka_error(int16_t code)
{
	struct kwire_kafka_error error = {
		.code = code,
		.name = "UNKNOWN",
		.text = "an error code that this version of kwire does not know",
	};
	const struct entry *entry;

	if (code < FIRST_CODE || code >= (int)(sizeof(entries) / sizeof(entries[0])) + FIRST_CODE)
		return error;
	entry = &entries[code - FIRST_CODE];
	error.retriable = entry->cure != FINAL;
	error.refresh_metadata = entry->cure == METADATA;
	error.refresh_coordinator = entry->cure == COORDINATOR;
	error.name = entry->name;
	error.text = entry->text;
	return error;
}
