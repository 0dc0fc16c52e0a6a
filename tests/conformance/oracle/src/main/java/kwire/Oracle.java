// SPDX-License-Identifier: Apache-2.0
// The conformance oracle: what kwire writes and reads against what Kafka does; started by make conformance.
package kwire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

import org.apache.kafka.common.protocol.Message;

/**
 * Compares kwire with Kafka's own classes: for every message in every version the default, the
 * fullest and N random messages, in both directions, with unknown tagged fields, and messages that
 * must be refused.  Started by `make conformance`; talks to tests/conformance/driver.c as
 * tests/conformance/FORMAT.md says.  With --vectors it writes the vectors of `make test` instead.
 */
public final class Oracle {
    private static final ObjectMapper JSON = new ObjectMapper(JsonFactory.builder().streamReadConstraints(
        StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build()).build());

    private final TreeMap<String, Messages> messages = new TreeMap<>();
    private final AtomicLong cases = new AtomicLong();
    private final AtomicLong mismatches = new AtomicLong();
    private final AtomicLong refusals = new AtomicLong();
    private final AtomicLong tags = new AtomicLong();
    private final AtomicInteger covered = new AtomicInteger();
    private final PrintStream out;
    private String driver;
    private String only;
    private String vectors;
    private int count = 20;
    private int show = 10;
    private int workers = 2;
    private long seed = System.nanoTime() & 0x7fffffff;

    private record Pair(Messages message, int version) {
        String name() {
            return message.spec.name + " " + version;
        }
    }

    private Oracle() throws IOException, ReflectiveOperationException {
        out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (Map.Entry<String, Spec> entry : Spec.load().entrySet()) messages.put(entry.getKey(), new Messages(entry.getValue()));
    }

    public static void main(String[] arguments) throws Exception {
        Oracle oracle = new Oracle();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            String value = arguments[i + 1];
            switch (arguments[i]) {
                case "--driver" -> oracle.driver = value;
                case "--vectors" -> oracle.vectors = value;
                case "--only" -> oracle.only = value;
                case "--n" -> oracle.count = Integer.parseInt(value);
                case "--show" -> oracle.show = Integer.parseInt(value);
                case "--workers" -> oracle.workers = Integer.parseInt(value);
                case "--seed" -> {
                    if (!value.isEmpty()) oracle.seed = Long.parseLong(value);
                }
                default -> throw new IllegalArgumentException(arguments[i]);
            }
        }
        boolean good = oracle.vectors != null ? oracle.writeVectors() : oracle.compare();
        oracle.out.flush();
        System.exit(good ? 0 : 1);
    }

    private List<Pair> pairs() {
        List<Pair> pairs = new ArrayList<>();
        for (Messages message : messages.values()) {
            if (only != null && !message.spec.name.matches(only)) continue;
            for (int version = message.lowest; version <= message.highest; version++) pairs.add(new Pair(message, version));
        }
        return pairs;
    }

    private static String hex(byte[] bytes) {
        return bytes.length == 0 ? "-" : HexFormat.of().formatHex(bytes);
    }

    private static String text(JsonNode json) {
        try {
            return JSON.writeValueAsString(json);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    // --- comparing ---

    private boolean compare() throws InterruptedException, IOException {
        List<Pair> pairs = pairs();
        boolean[] good = new boolean[workers];
        boolean known = sameMessages();
        Thread[] threads = new Thread[workers];
        for (int i = 0; i < workers; i++) {
            int worker = i;
            threads[i] = new Thread(() -> good[worker] = work(pairs, worker));
            threads[i].start();
        }
        for (Thread thread : threads) thread.join();
        for (int i = 0; i < workers; i++)
            if (!good[i]) out.println("conformance: driver " + i + " ended badly");
        out.printf("conformance: %d messages were refused by both, %d unknown tagged fields survived%n", refusals.get(), tags.get());
        if (covered.get() != pairs.size())
            out.println("conformance: " + (pairs.size() - covered.get()) + " pairs were not covered");
        out.printf("conformance: %d pairs, %d cases, %d mismatches, seed %d%n", covered.get(), cases.get(), mismatches.get(), seed);
        boolean all = known && covered.get() == pairs.size() && !pairs.isEmpty() && mismatches.get() == 0;
        for (boolean one : good) all &= one;
        return all;
    }

    /** Whether the driver knows the same messages in the same versions. */
    private boolean sameMessages() throws IOException, InterruptedException {
        TreeMap<String, String> theirs = new TreeMap<>();
        boolean[] same = {true};
        try (Driver names = new Driver(driver)) {
            names.ask("names", answer -> {
                if (answer == null || !answer.startsWith("ok ")) return;
                for (String word : answer.substring(3).split(" ")) theirs.put(word.split(":")[0], word.split(":")[1]);
            });
            names.finish();
        }
        for (Messages message : messages.values()) {
            String versions = message.lowest + "-" + message.highest;
            String said = theirs.remove(message.spec.name);
            if (versions.equals(said)) continue;
            same[0] = false;
            out.println("conformance: " + message.spec.name + " has versions " + versions + ", kwire knows " + said);
        }
        for (String name : theirs.keySet()) {
            same[0] = false;
            out.println("conformance: Kafka has no " + name);
        }
        return same[0];
    }

    private boolean work(List<Pair> pairs, int worker) {
        try (Driver process = new Driver(driver)) {
            for (int i = worker; i < pairs.size(); i += workers) ask(process, pairs.get(i));
            return process.finish();
        } catch (IOException | InterruptedException e) {
            out.println("conformance: " + e);
            return false;
        }
    }

    private void ask(Driver process, Pair pair) throws InterruptedException {
        Random random = new Random(seed * 31 + pair.name().hashCode());
        Spec spec = pair.message.spec;
        Generator generator = new Generator(random, pair.version, false, false);
        AtomicInteger answered = new AtomicInteger();
        bothWays(process, pair, defaults(pair), random, answered);
        bothWays(process, pair, new Generator(random, pair.version, true, false).message(spec), random, answered);
        for (int i = 0; i < count; i++) bothWays(process, pair, generator.message(spec), random, answered);
        int faults = Math.max(1, count / 20);
        for (Generator.Fault fault : Generator.Fault.values()) {
            for (int i = 0; i < faults; i++) {
                ObjectNode json = i == 0 ? new Generator(random, pair.version, true, false).message(spec) : generator.message(spec);
                if (generator.spoil(spec, json, fault)) encode(process, pair, json, fault.name());
            }
        }
        // The driver answers in order: by now all answers of this pair are wanted, the last one counts it.
        process.ask("encode " + pair.name() + " " + text(defaults(pair)), answer -> {
            if (answered.get() > 0) covered.incrementAndGet();
        });
    }

    /** The message as Kafka's class makes it; if this version cannot hold that, its shortest. */
    private JsonNode defaults(Pair pair) {
        try {
            Message message = pair.message.newMessage();
            return pair.message.toJson(message, pair.version);
        } catch (RuntimeException e) {
            return new Generator(new Random(1), pair.version, true, false).message(pair.message.spec);
        }
    }

    /** What Kafka makes of {@code json}: bytes, or null where it refuses. */
    private static byte[] bytesOf(Pair pair, JsonNode json) {
        try {
            return Messages.toBytes(pair.message.fromJson(json, pair.version), pair.version);
        } catch (RuntimeException e) {
            return null;
        }
    }

    private byte[] encode(Driver process, Pair pair, JsonNode json, String what) throws InterruptedException {
        byte[] bytes = bytesOf(pair, json);
        String request = "encode " + pair.name() + " " + text(json);
        cases.incrementAndGet();
        process.ask(request, answer -> {
            if (bytes == null) {
                if (answer == null || !answer.startsWith("error")) mismatch(what, request, "error (Kafka refuses)", answer);
                else refusals.incrementAndGet();
                return;
            }
            String expected = "ok " + hex(bytes);
            if (!expected.equals(answer)) mismatch(what, request, expected, answer);
        });
        return bytes;
    }

    private void bothWays(Driver process, Pair pair, JsonNode json, Random random, AtomicInteger answered) throws InterruptedException {
        byte[] bytes = encode(process, pair, json, "encode");
        if (bytes == null) {
            mismatch("oracle", pair.name() + " " + text(json), "bytes", "Kafka's own class refuses what the oracle made");
            return;
        }
        decode(process, pair, bytes, 0, answered);
        if (pair.message.spec.flexible.contains(pair.version) && random.nextInt(4) == 0) {
            Message message = pair.message.fromBytes(bytes, pair.version);
            int added = pair.message.addUnknownTags(message, pair.version, random);
            decode(process, pair, Messages.toBytes(message, pair.version), added, answered);
        }
    }

    private void decode(Driver process, Pair pair, byte[] bytes, int unknown, AtomicInteger answered) throws InterruptedException {
        Message message = pair.message.fromBytes(bytes, pair.version);
        byte[] again = Messages.toBytes(message, pair.version);
        JsonNode json = pair.message.toJson(message, pair.version);
        String request = "decode " + pair.name() + " " + hex(bytes);
        String expected = "ok " + hex(again) + " " + text(json);
        if (!Arrays.equals(bytes, again)) throw new IllegalStateException("Kafka's class does not write what it read: " + request);
        cases.incrementAndGet();
        process.ask(request, answer -> {
            answered.incrementAndGet();
            if (!expected.equals(answer) && !sameMeaning(expected, answer)) mismatch("decode", request, expected, answer);
            else tags.addAndGet(unknown);
        });
    }

    /** Equal but for how a double is spelt. */
    private static boolean sameMeaning(String expected, String answer) {
        if (answer == null || !answer.startsWith("ok ")) return false;
        int one = expected.indexOf(' ', 3);
        int two = answer.indexOf(' ', 3);
        if (two != one || !expected.substring(0, one).equals(answer.substring(0, two))) return false;
        try {
            return same(JSON.readTree(expected.substring(one + 1)), JSON.readTree(answer.substring(two + 1)));
        } catch (IOException e) {
            return false;
        }
    }

    private static boolean same(JsonNode one, JsonNode two) {
        if (one.getNodeType() != two.getNodeType() || one.size() != two.size()) return false;
        if (one.isDouble()) return two.isDouble() && one.doubleValue() == two.doubleValue();
        if (!one.isContainerNode()) return one.equals(two);
        if (one.isObject()) {
            Iterator<String> names = two.fieldNames();
            for (Iterator<String> name = one.fieldNames(); name.hasNext();)
                if (!Objects.equals(name.next(), names.next())) return false;
        }
        Iterator<JsonNode> others = two.elements();
        for (JsonNode node : one)
            if (!same(node, others.next())) return false;
        return true;
    }

    private static String shorten(String line) {
        if (line == null) return "no answer";
        return line.length() <= 1500 ? line : line.substring(0, 1000) + " ... (" + line.length() + " characters) ... " + line.substring(line.length() - 300);
    }

    private void mismatch(String what, String request, String expected, String answer) {
        if (mismatches.incrementAndGet() > show) return;
        int difference = 0;
        if (answer != null)
            while (difference < Math.min(expected.length(), answer.length()) && expected.charAt(difference) == answer.charAt(difference)) difference++;
        synchronized (out) {
            out.printf("MISMATCH (%s)%n  request  %s%n  Kafka    %s%n  kwire    %s%n  differ at character %d%n", what,
                shorten(request), shorten(expected), shorten(answer), difference);
        }
    }

    // --- vectors ---

    private boolean writeVectors() throws IOException {
        int lines = 0;
        try (OutputStream file = Files.newOutputStream(Path.of(vectors));
             GZIPOutputStream packed = new GZIPOutputStream(file) {
                 { def.setLevel(Deflater.BEST_COMPRESSION); }
             }) {
            for (Pair pair : pairs()) {
                Random random = new Random(seed * 31 + pair.name().hashCode());
                List<JsonNode> nodes = new ArrayList<>();
                nodes.add(defaults(pair));
                nodes.add(new Generator(random, pair.version, true, false).message(pair.message.spec));
                for (int i = 0; i < count; i++) nodes.add(new Generator(random, pair.version, false, true).message(pair.message.spec));
                for (JsonNode node : nodes) {
                    byte[] bytes = bytesOf(pair, node);
                    JsonNode json = pair.message.toJson(pair.message.fromBytes(bytes, pair.version), pair.version);
                    packed.write((pair.name() + " " + hex(bytes) + " " + text(json) + "\n").getBytes(StandardCharsets.UTF_8));
                    lines++;
                }
            }
        }
        out.printf("%d vectors, seed %d, %d bytes%n", lines, seed, Files.size(Path.of(vectors)));
        return true;
    }
}
