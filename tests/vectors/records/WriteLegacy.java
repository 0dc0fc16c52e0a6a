// SPDX-License-Identifier: Apache-2.0
// Writes the *.bin files beside it by the code of kafka-clients 1.1.1, which
// still could write the formats before Kafka 0.11.  tests/unit/test_legacy.c
// reads them, and knows the contents from the same rules:
//
//   java -cp kafka-clients-1.1.1.jar:lz4-java.jar:snappy-java.jar:slf4j-api.jar WriteLegacy.java DIR
//
// Ten records; the offset of record i is 100 + i + i / 4 (compaction left gaps),
// its time 1500000000000 + 1000 * i, its key null where i % 3 == 0, else
// "key-<i>", its value null where i % 4 == 1, else "value-<i>".  Compressed
// files have one more, offset 120, time 1500000020000, without a key, whose
// 70000 bytes are (position * position / 7) mod 26 letters from 'a'.
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import org.apache.kafka.common.record.*;

public class WriteLegacy {
    static final long APPENDED = 1600000000000L;

    static byte[] large() {
        byte[] bytes = new byte[70000];
        for (int i = 0; i < bytes.length; i++)
            bytes[i] = (byte) ('a' + ((long) i * i / 7) % 26);
        return bytes;
    }

    static ByteBuffer set(byte magic, CompressionType type, TimestampType times) {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        MemoryRecordsBuilder builder =
            MemoryRecords.builder(buffer, magic, type, times, 100L,
                                  times == TimestampType.LOG_APPEND_TIME ? APPENDED : -1L);
        for (int i = 0; i < 10; i++)
            builder.appendWithOffset(100 + i + i / 4, magic == 0 ? -1L : 1500000000000L + 1000L * i,
                                     i % 3 == 0 ? null : ("key-" + i).getBytes(),
                                     i % 4 == 1 ? null : ("value-" + i).getBytes());
        if (type != CompressionType.NONE)
            builder.appendWithOffset(120, magic == 0 ? -1L : 1500000020000L, (byte[]) null, large());
        return builder.build().buffer().duplicate();
    }

    static void save(String directory, String name, ByteBuffer... parts) throws Exception {
        try (FileChannel file = FileChannel.open(Paths.get(directory, name), StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            for (ByteBuffer part : parts)
                file.write(part);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String directory = arguments[0];
        CompressionType[] types = {CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY,
                                   CompressionType.LZ4};
        for (CompressionType type : types) {
            save(directory, "v0_" + type.name + ".bin", set((byte) 0, type, TimestampType.CREATE_TIME));
            save(directory, "v1_" + type.name + ".bin", set((byte) 1, type, TimestampType.CREATE_TIME));
            save(directory, "v1_" + type.name + "_append.bin",
                 set((byte) 1, type, TimestampType.LOG_APPEND_TIME));
        }
        save(directory, "mixed.bin", set((byte) 0, CompressionType.GZIP, TimestampType.CREATE_TIME),
             set((byte) 1, CompressionType.LZ4, TimestampType.CREATE_TIME),
             set((byte) 2, CompressionType.SNAPPY, TimestampType.CREATE_TIME),
             set((byte) 1, CompressionType.NONE, TimestampType.CREATE_TIME));
    }
}
