// SPDX-License-Identifier: Apache-2.0
//
// Record batches, kwire against Kafka's own classes, both ways.  Started by
// tests/conformance/records.mk; starts tests/conformance/records/driver (C).
//
//   java -cp 'build/conformance/libs/*' Records.java DRIVER COUNT [SEED]
//
// For each codec: the driver writes COUNT random batches, each with a dump of
// what it was told to write; Kafka's DefaultRecordBatch has to accept and read
// them as the same dump.  Then Kafka's MemoryRecordsBuilder writes COUNT
// batches of random shape (magic 0 to 2, gaps, control, empty, both kinds of
// timestamps), with Kafka's dump; kwire has to read the same.
//
// A pipe carries, for each batch: int32 size, the batch, int32 size, the dump.
// A dump: int64 last offset, max timestamp (magic 2; else 0), producer id, int16
// epoch, int32 base sequence, int8 flags (1 transactional, 2 control, 4
// LogAppendTime), int64 delete horizon or -1, then for each record int8 1,
// int64 offset, timestamp, int32 sequence, key, value, int32 header count and
// the headers' keys and values; bytes as int32 size (-1: null) and bytes; int8 0
// at the end.
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.common.compress.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;

public class Records {
    static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
    static Random random;

    static void putBytes(DataOutputStream out, ByteBuffer bytes) throws IOException {
        if (bytes == null) {
            out.writeInt(-1);
            return;
        }
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        out.writeInt(copy.length);
        out.write(copy);
    }

    static byte[] dump(RecordBatch batch) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        boolean v2 = batch.magic() >= 2;
        out.writeLong(batch.lastOffset());
        out.writeLong(v2 ? batch.maxTimestamp() : 0);
        out.writeLong(batch.producerId());
        out.writeShort(batch.producerEpoch());
        out.writeInt(batch.baseSequence());
        out.writeByte((batch.isTransactional() ? 1 : 0) | (batch.isControlBatch() ? 2 : 0)
                      | (batch.timestampType() == TimestampType.LOG_APPEND_TIME ? 4 : 0));
        out.writeLong(batch.deleteHorizonMs().orElse(-1));
        for (org.apache.kafka.common.record.internal.Record record : batch) {
            record.ensureValid();
            out.writeByte(1);
            out.writeLong(record.offset());
            out.writeLong(record.timestamp());
            out.writeInt(record.sequence());
            putBytes(out, record.hasKey() ? record.key() : null);
            putBytes(out, record.hasValue() ? record.value() : null);
            Header[] headers = record.headers();
            out.writeInt(headers.length);
            for (Header header : headers) {
                putBytes(out, ByteBuffer.wrap(header.key().getBytes(StandardCharsets.UTF_8)));
                putBytes(out, header.value() == null ? null : ByteBuffer.wrap(header.value()));
            }
        }
        out.writeByte(0);
        return bytes.toByteArray();
    }

    static byte[] read(DataInputStream in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return bytes;
    }

    static void fromKwire(String driver, String codec, int count, long seed) throws Exception {
        Process process = new ProcessBuilder(driver, "write", codec, "" + count, "" + seed)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        process.getOutputStream().close();
        DataInputStream in = new DataInputStream(new BufferedInputStream(process.getInputStream(), 1 << 20));
        for (int i = 0; i < count; i++) {
            byte[] bytes = read(in), expected = read(in);
            Iterator<MutableRecordBatch> batches =
                MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches().iterator();
            MutableRecordBatch batch = batches.next();
            batch.ensureValid();
            if (!(batch instanceof DefaultRecordBatch) || batches.hasNext())
                throw new Exception(codec + " batch " + i + ": not one batch of magic 2");
            if (!batch.compressionType().name.equals(codec))
                throw new Exception(codec + " batch " + i + ": is " + batch.compressionType().name);
            if (!Arrays.equals(dump(batch), expected))
                throw new Exception(codec + " batch " + i + ": Kafka reads other records than kwire wrote");
        }
        if (process.waitFor() != 0)
            throw new Exception("the driver failed");
    }

    static byte[] bytes(int max) {
        if (random.nextInt(8) == 0)
            return null;
        byte[] bytes = new byte[random.nextInt(60) == 0 ? random.nextInt(max) : random.nextInt(100)];
        if (random.nextBoolean())
            random.nextBytes(bytes);
        else
            for (int i = 0; i < bytes.length; i++)
                bytes[i] = (byte) ("abc".charAt(random.nextInt(3)));
        return bytes;
    }

    static Header[] headers(int magic) {
        if (magic < 2 || random.nextInt(3) != 0)
            return org.apache.kafka.common.record.internal.Record.EMPTY_HEADERS;
        Header[] headers = new Header[random.nextInt(5)];
        for (int i = 0; i < headers.length; i++)
            headers[i] = new RecordHeader("k\u00e9y".substring(random.nextInt(4)), bytes(50));
        return headers;
    }

    static Compression compression(String codec) {
        boolean level = random.nextInt(4) == 0;
        switch (codec) {
        case "gzip": return level ? Compression.gzip().level(1 + random.nextInt(9)).build() : Compression.gzip().build();
        case "snappy": return Compression.snappy().build();
        case "lz4": return level ? Compression.lz4().level(1 + random.nextInt(17)).build() : Compression.lz4().build();
        case "zstd": return level ? Compression.zstd().level(random.nextInt(12) - 5).build() : Compression.zstd().build();
        default: return Compression.NONE;
        }
    }

    /** One field: a batch of magic 2, or messages of magic 0 or 1. */
    static ByteBuffer write(String codec) throws Exception {
        int magic = codec.equals("zstd") || random.nextInt(4) != 0 ? 2 : random.nextInt(2);
        TimestampType times = magic > 0 && random.nextInt(3) == 0 ? TimestampType.LOG_APPEND_TIME
                                                                  : TimestampType.CREATE_TIME;
        long offset = random.nextInt(4) == 0 ? 0 : random.nextLong() >>> (2 + random.nextInt(60));
        long now = 1700000000000L + random.nextInt(1000000);
        boolean producer = magic == 2 && random.nextBoolean();
        boolean transactional = producer && random.nextBoolean();
        boolean control = transactional && random.nextInt(5) == 0;
        long id = producer ? random.nextLong() >>> 1 : -1;
        short epoch = (short) (producer ? random.nextInt(1 << 15) : -1);
        int sequence = producer && !control ? random.nextInt(4) == 0 ? Integer.MAX_VALUE - random.nextInt(10)
                                                                     : random.nextInt(1 << 20) : -1;
        if (magic == 2 && random.nextInt(20) == 0) {
            ByteBuffer empty = ByteBuffer.allocate(61);
            DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, id, epoch, sequence, offset,
                                                offset + random.nextInt(1000), 7, times, now, transactional, control);
            empty.flip();
            return empty;
        }
        if (control)
            return MemoryRecords.withEndTransactionMarker(
                offset, now, 3, id, epoch,
                new EndTransactionMarker(random.nextBoolean() ? ControlRecordType.ABORT : ControlRecordType.COMMIT,
                                         random.nextInt(100))).buffer().duplicate();
        ByteBufferOutputStream stream = new ByteBufferOutputStream(1024);
        long horizon = magic == 2 && random.nextInt(5) == 0 ? now + 5000 : RecordBatch.NO_TIMESTAMP;
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(
            stream, (byte) magic, compression(codec), times, offset, times == TimestampType.LOG_APPEND_TIME ? now : -1,
            id, epoch, sequence, transactional, false, 11, Integer.MAX_VALUE, horizon);
        int records = 1 + (random.nextInt(20) == 0 ? random.nextInt(2000) : random.nextInt(20));
        boolean gaps = random.nextInt(3) == 0;
        for (int i = 0; i < records; i++) {
            builder.appendWithOffset(offset, magic == 0 ? -1 : now + random.nextInt(200000) - 100000,
                                     bytes(200), bytes(records > 100 ? 500 : 100000), headers(magic));
            offset += gaps ? 1 + random.nextInt(20) : 1;
        }
        if (magic == 2 && gaps)
            builder.overrideLastOffset(offset + random.nextInt(50));
        return builder.build().buffer().duplicate();
    }

    static void toKwire(String driver, String codec, int count) throws Exception {
        Process process = new ProcessBuilder(driver, "read", codec, "" + count)
            .redirectError(ProcessBuilder.Redirect.INHERIT).redirectOutput(ProcessBuilder.Redirect.INHERIT).start();
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), 1 << 20));
        try {
            for (int i = 0; i < count; i++) {
                ByteBuffer field = write(codec);
                byte[] bytes = new byte[field.remaining()];
                field.duplicate().get(bytes);
                ByteArrayOutputStream dumps = new ByteArrayOutputStream();
                for (MutableRecordBatch batch : MemoryRecords.readableRecords(field).batches())
                    dumps.write(dump(batch));
                out.writeInt(bytes.length);
                out.write(bytes);
                out.writeInt(dumps.size());
                out.write(dumps.toByteArray());
            }
            out.close();
        } catch (IOException e) {
            // The driver ended early, and said why.
        }
        if (process.waitFor() != 0)
            throw new Exception(codec + ": kwire reads other records than Kafka wrote");
    }

    public static void main(String[] arguments) throws Exception {
        String driver = arguments[0];
        int count = Integer.parseInt(arguments[1]);
        long seed = arguments.length > 2 && !arguments[2].isEmpty() ? Long.parseLong(arguments[2])
                                                                    : System.nanoTime() & 0xffffff;
        System.out.println("records: seed " + seed);
        try {
            for (String codec : CODECS) {
                random = new Random(seed);
                fromKwire(driver, codec, count, seed);
                toKwire(driver, codec, count);
                System.out.println("records: " + codec + ": " + count + " batches each way");
            }
        } catch (Exception e) {
            System.out.println("records: seed " + seed + ": " + e);
            System.exit(1);
        }
    }
}
