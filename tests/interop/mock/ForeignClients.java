// SPDX-License-Identifier: Apache-2.0
// Kafka's own Java clients against kwire-mockd: producer with every codec,
// consumer group, AdminClient, transactions.  Argument: the bootstrap list.
// One line a test, "ok NAME" or "FAILED NAME: why"; exit 1 if one failed.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public final class ForeignClients {
    private static final int MESSAGES = 20000;
    private static String bootstrap;
    private static int failed;

    private interface Body {
        void run() throws Exception;
    }

    private static void test(String name, Body body) {
        long start = System.currentTimeMillis();
        try {
            body.run();
            System.out.printf("ok %s (%d ms)%n", name, System.currentTimeMillis() - start);
        } catch (Throwable t) {
            failed++;
            System.out.printf("FAILED %s: %s%n", name, t);
            t.printStackTrace(System.out);
        }
    }

    private static void check(boolean good, String what) {
        if (!good) {
            throw new AssertionError(what);
        }
    }

    private static Properties common() {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("key.serializer", StringSerializer.class.getName());
        p.put("value.serializer", StringSerializer.class.getName());
        p.put("key.deserializer", StringDeserializer.class.getName());
        p.put("value.deserializer", StringDeserializer.class.getName());
        p.put("enable.metrics.push", "false");
        return p;
    }

    private static KafkaProducer<String, String> producer(String... extra) {
        Properties p = common();
        p.put("delivery.timeout.ms", "30000");
        p.put("request.timeout.ms", "10000");
        for (int i = 0; i < extra.length; i += 2) {
            p.put(extra[i], extra[i + 1]);
        }
        return new KafkaProducer<>(p);
    }

    private static KafkaConsumer<String, String> consumer(String group, String... extra) {
        Properties p = common();
        p.put("group.id", group);
        p.put("auto.offset.reset", "earliest");
        p.put("session.timeout.ms", "10000");
        p.put("heartbeat.interval.ms", "300");
        for (int i = 0; i < extra.length; i += 2) {
            p.put(extra[i], extra[i + 1]);
        }
        return new KafkaConsumer<>(p);
    }

    private static Admin admin() {
        return Admin.create(common());
    }

    private static void create(String topic, int partitions) throws Exception {
        try (Admin a = admin()) {
            a.createTopics(List.of(new NewTopic(topic, partitions, (short) 3))).all().get(20, TimeUnit.SECONDS);
        }
    }

    // Order does not matter: the sum of every record's own checksum.
    private static long sum(String key, String value, long before) {
        CRC32 crc = new CRC32();
        crc.update(key.getBytes());
        crc.update(value.getBytes());
        return before + crc.getValue();
    }

    private static void everyCodec(String codec) throws Exception {
        String topic = "codec-" + codec;
        long sent = 0;
        long received = 0;
        create(topic, 6);
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        try (KafkaProducer<String, String> p = producer("compression.type", codec, "linger.ms", "5")) {
            for (int i = 0; i < MESSAGES; i++) {
                String key = "key-" + i;
                String value = ("value " + i + " of " + codec + " ").repeat(1 + i % 5);
                sent = sum(key, value, sent);
                futures.add(p.send(new ProducerRecord<>(topic, key, value)));
            }
            for (Future<RecordMetadata> f : futures) {
                f.get(30, TimeUnit.SECONDS);
            }
        }
        int count = 0;
        try (KafkaConsumer<String, String> c = consumer("g-" + topic)) {
            c.subscribe(List.of(topic));
            long deadline = System.currentTimeMillis() + 30000;
            while (count < MESSAGES && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(500))) {
                    received = sum(r.key(), r.value(), received);
                    count++;
                }
            }
            c.commitSync();
        }
        check(count == MESSAGES, count + " messages came");
        check(sent == received, "checksums differ");
    }

    private static final class Member extends Thread {
        final KafkaConsumer<String, String> consumer;
        final Set<Integer> assigned = ConcurrentHashMap.newKeySet();
        volatile boolean stop;
        volatile Throwable failure;

        Member(String group, String topic) {
            consumer = consumer(group);
            consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    partitions.forEach(p -> assigned.remove(p.partition()));
                }

                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    partitions.forEach(p -> assigned.add(p.partition()));
                }
            });
        }

        @Override
        public void run() {
            try (consumer) {
                while (!stop) {
                    consumer.poll(Duration.ofMillis(100));
                }
            } catch (Throwable t) {
                failure = t;
            }
        }
    }

    private static boolean shared(List<Member> members, int partitions) {
        Set<Integer> all = new HashSet<>();
        int count = 0;
        for (Member m : members) {
            if (m.assigned.isEmpty()) {
                return false;
            }
            all.addAll(m.assigned);
            count += m.assigned.size();
        }
        return all.size() == partitions && count == partitions;
    }

    private static void waitShared(List<Member> members, int partitions) throws Exception {
        long deadline = System.currentTimeMillis() + 30000;
        while (!shared(members, partitions)) {
            for (Member m : members) {
                check(m.failure == null, "a member failed: " + m.failure);
            }
            check(System.currentTimeMillis() < deadline, "the partitions are not shared among " + members.size());
            Thread.sleep(20);
        }
    }

    private static void groupRebalances() throws Exception {
        create("shared", 6);
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Member m = new Member("three", "shared");
            members.add(m);
            m.start();
            waitShared(members, 6);
        }
        try (Admin a = admin()) {
            ConsumerGroupDescription d = a.describeConsumerGroups(List.of("three")).all().get(20, TimeUnit.SECONDS).get("three");
            check(d.members().size() == 3, d.members().size() + " members are described");
        }
        Member gone = members.remove(1);
        gone.stop = true;
        gone.join();
        waitShared(members, 6);
        for (Member m : members) {
            m.stop = true;
            m.join();
            check(m.failure == null, "a member failed: " + m.failure);
        }
    }

    private static List<String> readCommitted(String topic, String group, int wanted) {
        List<String> values = new ArrayList<>();
        try (KafkaConsumer<String, String> c = consumer(group, "isolation.level", "read_committed")) {
            c.subscribe(List.of(topic));
            long deadline = System.currentTimeMillis() + 15000;
            while (values.size() < wanted && System.currentTimeMillis() < deadline) {
                c.poll(Duration.ofMillis(200)).forEach(r -> values.add(r.value()));
            }
            c.poll(Duration.ofMillis(300)).forEach(r -> values.add(r.value()));
        }
        return values;
    }

    private static void transactions() throws Exception {
        create("tx", 3);
        try (KafkaProducer<String, String> p = producer("transactional.id", "java-tx")) {
            p.initTransactions();
            p.beginTransaction();
            for (int i = 0; i < 30; i++) {
                p.send(new ProducerRecord<>("tx", i % 3, "k", "aborted-" + i));
            }
            p.flush();
            p.abortTransaction();
            p.beginTransaction();
            for (int i = 0; i < 30; i++) {
                p.send(new ProducerRecord<>("tx", i % 3, "k", "committed-" + i));
            }
            p.sendOffsetsToTransaction(Map.of(new TopicPartition("tx", 0), new OffsetAndMetadata(7)),
                new org.apache.kafka.clients.consumer.ConsumerGroupMetadata("tx-offsets"));
            p.commitTransaction();
        }
        List<String> values = readCommitted("tx", "tx-readers", 30);
        check(values.size() == 30, values.size() + " committed records");
        check(values.stream().allMatch(v -> v.startsWith("committed-")), "an aborted record was read");
        try (Admin a = admin()) {
            Map<TopicPartition, OffsetAndMetadata> offsets = a.listConsumerGroupOffsets("tx-offsets")
                .partitionsToOffsetAndMetadata().get(20, TimeUnit.SECONDS);
            check(offsets.get(new TopicPartition("tx", 0)).offset() == 7, "the transaction's offset is " + offsets);
        }
    }

    private static void fencing() throws Exception {
        create("fenced", 1);
        try (KafkaProducer<String, String> old = producer("transactional.id", "java-fence");
             KafkaProducer<String, String> fresh = producer("transactional.id", "java-fence")) {
            old.initTransactions();
            old.beginTransaction();
            old.send(new ProducerRecord<>("fenced", "k", "old")).get(10, TimeUnit.SECONDS);
            fresh.initTransactions();
            boolean fenced = false;
            try {
                old.commitTransaction();
            } catch (org.apache.kafka.common.KafkaException e) {
                fenced = true;
            }
            check(fenced, "the old producer was not fenced");
            fresh.beginTransaction();
            fresh.send(new ProducerRecord<>("fenced", "k", "new"));
            fresh.commitTransaction();
        }
        check(readCommitted("fenced", "fence-readers", 1).equals(List.of("new")), "not only the new record");
    }

    private static void administration() throws Exception {
        try (Admin a = admin()) {
            check(a.describeCluster().nodes().get(20, TimeUnit.SECONDS).size() == 3, "three nodes");
            check(a.describeCluster().clusterId().get().equals("kwire-mock"), "the cluster's id");
            a.createTopics(List.of(new NewTopic("admin", Map.of(0, List.of(2, 1), 1, List.of(3, 2)))
                .configs(Map.of("retention.ms", "1234")))).all().get(20, TimeUnit.SECONDS);
            check(a.listTopics().names().get().contains("admin"), "it is listed");
            check(a.describeTopics(List.of("admin")).allTopicNames().get().get("admin").partitions().get(1).leader().id() == 3,
                "its leader");
            a.createPartitions(Map.of("admin", NewPartitions.increaseTo(4))).all().get(20, TimeUnit.SECONDS);
            check(a.describeTopics(List.of("admin")).allTopicNames().get().get("admin").partitions().size() == 4, "it grew");
            ConfigResource r = new ConfigResource(ConfigResource.Type.TOPIC, "admin");
            check(a.describeConfigs(List.of(r)).all().get().get(r).get("retention.ms").value().equals("1234"), "its config");
            a.incrementalAlterConfigs(Map.of(r, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "99"),
                AlterConfigOp.OpType.SET)))).all().get(20, TimeUnit.SECONDS);
            check(a.describeConfigs(List.of(r)).all().get().get(r).get("retention.ms").value().equals("99"), "its new config");
            try (KafkaProducer<String, String> p = producer()) {
                for (int i = 0; i < 10; i++) {
                    p.send(new ProducerRecord<>("admin", 0, (long) (1000 + i), "k", "v" + i)).get(10, TimeUnit.SECONDS);
                }
            }
            TopicPartition tp = new TopicPartition("admin", 0);
            check(a.listOffsets(Map.of(tp, OffsetSpec.latest())).all().get().get(tp).offset() == 10, "its end");
            check(a.listOffsets(Map.of(tp, OffsetSpec.forTimestamp(1004))).all().get().get(tp).offset() == 4, "an offset by time");
            check(a.listOffsets(Map.of(tp, OffsetSpec.maxTimestamp())).all().get().get(tp).offset() == 9, "its newest");
            check(a.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(3))).lowWatermarks().get(tp).get().lowWatermark() == 3,
                "its records are deleted");
            check(a.listOffsets(Map.of(tp, OffsetSpec.earliest())).all().get().get(tp).offset() == 3, "its start");
            a.alterConsumerGroupOffsets("admins", Map.of(tp, new OffsetAndMetadata(5))).all().get(20, TimeUnit.SECONDS);
            check(a.listGroups().all().get().stream().anyMatch(g -> g.groupId().equals("admins")), "its group is listed");
            a.deleteConsumerGroups(List.of("admins")).all().get(20, TimeUnit.SECONDS);
            a.deleteTopics(List.of("admin")).all().get(20, TimeUnit.SECONDS);
            check(!a.listTopics().names().get().contains("admin"), "it is gone");
        }
    }

    public static void main(String[] args) {
        bootstrap = args[0];
        test("administration", ForeignClients::administration);
        for (String codec : Arrays.asList("none", "gzip", "snappy", "lz4", "zstd")) {
            test("20,000 messages with codec " + codec, () -> everyCodec(codec));
        }
        test("a group of three rebalances", ForeignClients::groupRebalances);
        test("one transaction aborts and one commits", ForeignClients::transactions);
        test("a new producer fences the old one", ForeignClients::fencing);
        System.exit(failed == 0 ? 0 : 1);
    }
}
