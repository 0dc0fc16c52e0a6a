/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See versions.h.  One row an API; brokers of releases up to 2.8 as they are
 * with ZooKeeper, later ones with KRaft, all without unstable versions and
 * without telemetry (hidden unless a broker has a receiver for it).  Those of
 * 4.x name Produce 0 though they refuse what is below 3 (KAFKA-18659).
 */
#include "versions.h"

#include <string.h>

/* clang-format off */
#define NO { 0, -1 }

static const char *const releases[] = {
	"0.11", "1.1", "2.1", "2.8", "3.9", "4.0", "4.1", "4.2", "4.3", "4.4", NULL,
};

enum {
	RELEASES = 10
};

static const struct kw_mock_version table[KW_MOCK_KEYS][RELEASES] = {
	/*         0.11       1.1       2.1       2.8       3.9       4.0       4.1       4.2       4.3       4.4 */
	{  { 0, 3 },  { 0, 5 },  { 0, 7 },  { 0, 9 }, { 0, 11 }, { 0, 12 }, { 0, 13 }, { 0, 13 }, { 0, 13 }, { 0, 13 } }, /* 0 Produce */
	{  { 0, 5 },  { 0, 7 }, { 0, 10 }, { 0, 12 }, { 0, 17 }, { 4, 17 }, { 4, 18 }, { 4, 18 }, { 4, 18 }, { 4, 18 } }, /* 1 Fetch */
	{  { 0, 2 },  { 0, 2 },  { 0, 4 },  { 0, 6 },  { 0, 9 }, { 1, 10 }, { 1, 10 }, { 1, 11 }, { 1, 11 }, { 1, 11 } }, /* 2 ListOffsets */
	{  { 0, 4 },  { 0, 5 },  { 0, 7 }, { 0, 11 }, { 0, 12 }, { 0, 13 }, { 0, 13 }, { 0, 13 }, { 0, 13 }, { 0, 13 } }, /* 3 Metadata */
	{  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 5 },        NO,        NO,        NO,        NO,        NO,        NO }, /* 4 LeaderAndIsr */
	{  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 3 },        NO,        NO,        NO,        NO,        NO,        NO }, /* 5 StopReplica */
	{  { 0, 3 },  { 0, 4 },  { 0, 4 },  { 0, 7 },        NO,        NO,        NO,        NO,        NO,        NO }, /* 6 UpdateMetadata */
	{  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 3 },        NO,        NO,        NO,        NO,        NO,        NO }, /* 7 ControlledShutdown */
	{  { 0, 3 },  { 0, 3 },  { 0, 6 },  { 0, 8 },  { 0, 9 },  { 2, 9 },  { 2, 9 }, { 2, 10 }, { 2, 10 }, { 2, 10 } }, /* 8 OffsetCommit */
	{  { 0, 3 },  { 0, 3 },  { 0, 5 },  { 0, 7 },  { 0, 9 },  { 1, 9 },  { 1, 9 }, { 1, 10 }, { 1, 10 }, { 1, 10 } }, /* 9 OffsetFetch */
	{  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 3 },  { 0, 6 },  { 0, 6 },  { 0, 6 },  { 0, 6 },  { 0, 6 },  { 0, 6 } }, /* 10 FindCoordinator */
	{  { 0, 2 },  { 0, 2 },  { 0, 3 },  { 0, 7 },  { 0, 9 },  { 2, 9 },  { 0, 9 },  { 0, 9 },  { 0, 9 },  { 0, 9 } }, /* 11 JoinGroup */
	{  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 } }, /* 12 Heartbeat */
	{  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 4 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 } }, /* 13 LeaveGroup */
	{  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 } }, /* 14 SyncGroup */
	{  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 5 },  { 0, 5 },  { 0, 6 },  { 0, 6 },  { 0, 6 },  { 0, 6 },  { 0, 6 } }, /* 15 DescribeGroups */
	{  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 4 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 } }, /* 16 ListGroups */
	{  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 17 SaslHandshake */
	{  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 3 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 5 } }, /* 18 ApiVersions */
	{  { 0, 2 },  { 0, 2 },  { 0, 3 },  { 0, 7 },  { 0, 7 },  { 2, 7 },  { 2, 7 },  { 2, 7 },  { 2, 7 },  { 2, 7 } }, /* 19 CreateTopics */
	{  { 0, 1 },  { 0, 1 },  { 0, 3 },  { 0, 6 },  { 0, 6 },  { 1, 6 },  { 1, 6 },  { 1, 6 },  { 1, 6 },  { 1, 6 } }, /* 20 DeleteTopics */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 21 DeleteRecords */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 4 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 } }, /* 22 InitProducerId */
	{  { 0, 0 },  { 0, 0 },  { 0, 2 },  { 0, 4 },  { 0, 4 },  { 2, 4 },  { 2, 4 },  { 2, 4 },  { 2, 4 },  { 2, 4 } }, /* 23 OffsetForLeaderEpoch */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 3 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 } }, /* 24 AddPartitionsToTxn */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 3 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 },  { 0, 4 } }, /* 25 AddOffsetsToTxn */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 3 },  { 0, 4 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 } }, /* 26 EndTxn */
	{  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 1, 1 },  { 1, 1 },  { 1, 2 },  { 1, 2 },  { 1, 2 } }, /* 27 WriteTxnMarkers */
	{  { 0, 0 },  { 0, 0 },  { 0, 2 },  { 0, 3 },  { 0, 4 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 5 },  { 0, 6 } }, /* 28 TxnOffsetCommit */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 } }, /* 29 DescribeAcls */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 } }, /* 30 CreateAcls */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 } }, /* 31 DeleteAcls */
	{  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 4 },  { 0, 4 },  { 1, 4 },  { 1, 4 },  { 1, 4 },  { 1, 4 },  { 1, 4 } }, /* 32 DescribeConfigs */
	{  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 33 AlterConfigs */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 } }, /* 34 AlterReplicaLogDirs */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 4 },  { 1, 4 },  { 1, 4 },  { 1, 4 },  { 1, 5 },  { 1, 5 } }, /* 35 DescribeLogDirs */
	{        NO,  { 0, 0 },  { 0, 0 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 36 SaslAuthenticate */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 3 },  { 0, 3 },  { 0, 3 },  { 0, 3 },  { 0, 3 },  { 0, 3 },  { 0, 3 } }, /* 37 CreatePartitions */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 } }, /* 38 CreateDelegationToken */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 } }, /* 39 RenewDelegationToken */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 },  { 1, 2 } }, /* 40 ExpireDelegationToken */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 },  { 1, 3 } }, /* 41 DescribeDelegationToken */
	{        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 3 } }, /* 42 DeleteGroups */
	{        NO,        NO,        NO,  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 43 ElectLeaders */
	{        NO,        NO,        NO,  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 44 IncrementalAlterConfigs */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 45 AlterPartitionReassignments */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 46 ListPartitionReassignments */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 47 OffsetDelete */
	{        NO,        NO,        NO,  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 48 DescribeClientQuotas */
	{        NO,        NO,        NO,  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 49 AlterClientQuotas */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 50 DescribeUserScramCredentials */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 51 AlterUserScramCredentials */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 52 Vote */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 53 BeginQuorumEpoch */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 54 EndQuorumEpoch */
	{        NO,        NO,        NO,        NO,  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 55 DescribeQuorum */
	{        NO,        NO,        NO,  { 0, 0 },        NO,        NO,        NO,        NO,        NO,        NO }, /* 56 AlterPartition */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 57 UpdateFeatures */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 58 Envelope */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 59 FetchSnapshot */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 60 DescribeCluster */
	{        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 61 DescribeProducers */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 62 BrokerRegistration */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 63 BrokerHeartbeat */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 64 UnregisterBroker */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 65 DescribeTransactions */
	{        NO,        NO,        NO,        NO,  { 0, 1 },  { 0, 1 },  { 0, 2 },  { 0, 2 },  { 0, 2 },  { 0, 2 } }, /* 66 ListTransactions */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 67 AllocateProducerIds */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 68 ConsumerGroupHeartbeat */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 69 ConsumerGroupDescribe */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 70 ControllerRegistration */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 71 GetTelemetrySubscriptions */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 72 PushTelemetry */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 73 AssignReplicasToDirs */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 74 ListConfigResources */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 75 DescribeTopicPartitions */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 1, 1 },  { 1, 1 },  { 1, 1 },  { 1, 1 } }, /* 76 ShareGroupHeartbeat */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 1, 1 },  { 1, 1 },  { 1, 1 },  { 1, 1 } }, /* 77 ShareGroupDescribe */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 1, 1 },  { 1, 2 },  { 1, 2 },  { 1, 2 } }, /* 78 ShareFetch */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 1, 1 },  { 1, 2 },  { 1, 2 },  { 1, 2 } }, /* 79 ShareAcknowledge */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 80 AddRaftVoter */
	{        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 81 RemoveRaftVoter */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO }, /* 82 UpdateRaftVoter */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 83 InitializeShareGroupState */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 84 ReadShareGroupState */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 85 WriteShareGroupState */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 86 DeleteShareGroupState */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 87 ReadShareGroupStateSummary */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 1 } }, /* 88 StreamsGroupHeartbeat */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 1 } }, /* 89 StreamsGroupDescribe */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 1 },  { 0, 1 },  { 0, 1 } }, /* 90 DescribeShareGroupOffsets */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 91 AlterShareGroupOffsets */
	{        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 },  { 0, 0 },  { 0, 0 },  { 0, 0 } }, /* 92 DeleteShareGroupOffsets */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 } }, /* 93 StreamsGroupTopologyDescriptionUpdate */
	{        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,        NO,  { 0, 0 } }, /* 94 UnregisterController */
};
/* clang-format on */

bool kw_mock_versions_of(const char *release, struct kw_mock_version versions[KW_MOCK_KEYS])
{
	int column = 0;

	if (strcmp(release, "newest") == 0)
		column = RELEASES - 1;
	else
		while (column < RELEASES && strcmp(releases[column], release) != 0)
			column++;
	if (column == RELEASES)
		return false;
	for (int key = 0; key < KW_MOCK_KEYS; key++)
		versions[key] = table[key][column];
	return true;
}
