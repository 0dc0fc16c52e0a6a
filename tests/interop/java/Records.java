// SPDX-License-Identifier: Apache-2.0
//
// Kafka's own producer and consumer, for tests/interop/test_java.c:
//
//   Records produce BOOTSTRAP TOPIC CODEC COUNT SEED    random records to partition 0
//   Records transactions BOOTSTRAP TOPIC SEED           three producers, interleaved, commit and abort
//   Records consume BOOTSTRAP TOPIC ISOLATION           all of partition 0
//
// Each prints "COUNT DIGEST BYTES": the records' number, the CRC-32C of their
// offset, timestamp, key, value and headers, as test_java.c sums them, and how
// large the values are together.
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.zip.CRC32C;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;

public class Records {
    static final CRC32C sum = new CRC32C();
    static int count;
    static long size;

    static void add(byte[] bytes) {
        sum.update(ByteBuffer.allocate(4).putInt(bytes == null ? -1 : bytes.length).array());
        if (bytes != null)
            sum.update(bytes);
    }

    static void add(long offset, long timestamp, byte[] key, byte[] value, Iterable<Header> headers) {
        sum.update(ByteBuffer.allocate(16).putLong(offset).putLong(timestamp).array());
        add(key);
        add(value);
        size += value == null ? 0 : value.length;
        for (Header header : headers) {
            add(header.key().getBytes(StandardCharsets.UTF_8));
            add(header.value());
        }
        count++;
    }

    /** Sizes from 0 to 900 KiB, so many of each order that 20,000 are 64 MiB. */
    static int valueSize(Random random) {
        return (int) Math.exp(13.73 * Math.pow(random.nextDouble(), 20)) - 1;
    }

    static byte[] bytes(Random random, int size) {
        if (random.nextInt(20) == 0)
            return null;
        byte[] bytes = new byte[size];
        if (random.nextBoolean())
            random.nextBytes(bytes);
        else
            for (int i = 0; i < bytes.length; i++)
                bytes[i] = (byte) "kafka \u00e9".charAt(random.nextInt(7));
        return bytes;
    }

    static Properties properties(String bootstrap) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("max.request.size", 2000000);
        properties.put("linger.ms", 20);
        properties.put("batch.size", 100000);
        return properties;
    }

    static KafkaProducer<byte[], byte[]> producer(Properties properties) {
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static void produce(String[] a) throws Exception {
        Random random = new Random(Long.parseLong(a[5]));
        Properties properties = properties(a[1]);
        properties.put("compression.type", a[3]);
        try (KafkaProducer<byte[], byte[]> producer = producer(properties)) {
            int records = Integer.parseInt(a[4]);
            for (int i = 0; i < records; i++) {
                ProducerRecord<byte[], byte[]> record =
                    new ProducerRecord<>(a[2], 0, 1700000000000L + i, bytes(random, random.nextInt(40)),
                        bytes(random, valueSize(random)));
                for (int h = random.nextInt(8) - 4; h > 0; h--)
                    record.headers().add("h\u00e9\ud83d\ude00".substring(0, random.nextInt(3)), bytes(random, random.nextInt(20)));
                producer.send(record, (metadata, exception) -> {
                    if (exception != null) {
                        System.err.println(exception);
                        System.exit(1);
                    }
                });
                add(i, record.timestamp(), record.key(), record.value(), record.headers());
            }
        }
    }

    static void transactions(String[] a) throws Exception {
        Random random = new Random(Long.parseLong(a[3]));
        List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
        boolean[] open = new boolean[3];
        for (int i = 0; i < 3; i++) {
            Properties properties = properties(a[1]);
            properties.put("transactional.id", a[2] + i);
            producers.add(producer(properties));
            producers.get(i).initTransactions();
        }
        KafkaProducer<byte[], byte[]> plain = producer(properties(a[1]));
        for (int i = 0; i < 400; i++) {
            int which = random.nextInt(4);
            KafkaProducer<byte[], byte[]> producer = which == 3 ? plain : producers.get(which);
            if (which < 3 && !open[which])
                producer.beginTransaction();
            for (int n = random.nextInt(4); n >= 0; n--)
                producer.send(new ProducerRecord<>(a[2], 0, null, ("" + which).getBytes(), ("" + i).getBytes())).get();
            if (which == 3)
                continue;
            open[which] = true;
            int end = random.nextInt(4);
            if (end == 0)
                producer.commitTransaction();
            else if (end == 1)
                producer.abortTransaction();
            open[which] = end > 1;
            count++;
        }
        for (int i = 0; i < 3; i++) {
            if (open[i] && i != 0)
                producers.get(i).abortTransaction();
            else if (open[i])
                producers.get(i).commitTransaction();
            producers.get(i).close();
        }
        plain.close();
    }

    static void consume(String[] a) {
        Properties properties = properties(a[1]);
        properties.put("isolation.level", a[3]);
        TopicPartition partition = new TopicPartition(a[2], 0);
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end)
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500)))
                    add(record.offset(), record.timestamp(), record.key(), record.value(), record.headers());
        }
    }

    public static void main(String[] a) throws Exception {
        switch (a[0]) {
        case "produce": produce(a); break;
        case "transactions": transactions(a); break;
        case "consume": consume(a); break;
        default: throw new IllegalArgumentException(a[0]);
        }
        System.out.printf("%d %08x %d%n", count, sum.getValue(), size);
    }
}
