// SPDX-License-Identifier: Apache-2.0
// Makes random and wrong JSON from a schema; called by Oracle, knows no message classes.
package kwire;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;

/** JSON for a message in a version: the fullest, a random one, or one with something wrong. */
final class Generator {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final String[] CHARACTERS = {
        "a", "b", "z", "A", "0", "9", "-", "_", ".", " ", "/", "\\", "\"", "\n", "\t", "\r", "\b", "\f", "\u0001", "\u001f",
        "\u007f", "\u0000", "\u00e4", "\u00df", "\u07ff", "\u0800", "\u20ac", "\u2028", "\u2029", "\u6f22", "\uffff", "\ufeff",
        "\ud83d\ude00", "\ud800\udc00", "\udbff\udfff", "<", "&", "'",
    };

    private final Random random;
    private final int version;
    private final boolean full;
    private final boolean small;
    private int budget;

    Generator(Random random, int version, boolean full, boolean small) {
        this.random = random;
        this.version = version;
        this.full = full;
        this.small = small;
    }

    ObjectNode message(Spec spec) {
        budget = full ? 100000 : small ? 40 : 60 + random.nextInt(random.nextInt(10) == 0 ? 2000 : 300);
        return struct(spec.fields);
    }

    private ObjectNode struct(List<Spec.Field> fields) {
        ObjectNode node = NODES.objectNode();
        for (Spec.Field field : fields) {
            if (!field.versions.contains(version)) continue;
            if (field.tagged.contains(version) && !full && random.nextBoolean()) continue;
            node.set(field.name, value(field, field.nullable.contains(version)));
        }
        return node;
    }

    private JsonNode value(Spec.Field field, boolean nullable) {
        budget--;
        if (nullable && !full && random.nextInt(10) < 3) return NullNode.instance;
        if (!field.array) return single(field);
        ArrayNode array = NODES.arrayNode();
        int count = count(field);
        for (int i = 0; i < count; i++) {
            array.add(single(field));
            budget--;
        }
        return array;
    }

    private int count(Spec.Field field) {
        if (full) return 2;
        if (budget <= 0) return 0;
        int chance = random.nextInt(100);
        if (chance < 20) return 0;
        if (!small && chance >= 96) return field.isStruct() ? Math.min(budget, 126 + random.nextInt(4)) : 126 + random.nextInt(4);
        if (!small && chance == 95 && !field.isStruct()) return 1000;
        return 1 + random.nextInt(3);
    }

    private JsonNode single(Spec.Field field) {
        if (field.isStruct()) return struct(field.fields);
        switch (field.element) {
            case "bool": return BooleanNode.valueOf(full || random.nextBoolean());
            case "int8": return IntNode.valueOf((byte) integer(8));
            case "int16": return IntNode.valueOf((short) integer(16));
            case "uint16": return IntNode.valueOf((int) integer(16) & 0xffff);
            case "int32": return IntNode.valueOf((int) integer(32));
            case "uint32": return LongNode.valueOf(integer(32) & 0xffffffffL);
            case "int64": return LongNode.valueOf(integer(64));
            case "float64": return float64();
            case "uuid": return uuid();
            case "string": return TextNode.valueOf(string());
            case "bytes":
            case "records": return TextNode.valueOf(Base64.getEncoder().encodeToString(bytes()));
            default: throw new IllegalStateException("type " + field.element);
        }
    }

    private long integer(int bits) {
        if (full) return 0x7a5b3c1d2e4f6071L >>> (64 - bits);
        long highest = (1L << (bits - 1)) - 1;
        switch (random.nextInt(10)) {
            case 0: return 0;
            case 1: return -1;
            case 2: return highest;
            case 3: return -highest - 1;
            case 4: return random.nextInt(100);
            default: return random.nextLong() >> (64 - bits);
        }
    }

    /** Java before 19 prints some doubles with a digit too many: numbers here have few digits. */
    private JsonNode float64() {
        if (full) return DoubleNode.valueOf(-1.5);
        int kind = random.nextInt(12);
        if (small && kind >= 4) kind = 8; // vectors are compared as text, digit by digit
        switch (kind) {
            // Printed in quotes; as text Kafka's converter would not read them back.
            case 0: return DoubleNode.valueOf(Double.NaN);
            case 1: return DoubleNode.valueOf(Double.POSITIVE_INFINITY);
            case 2: return DoubleNode.valueOf(Double.NEGATIVE_INFINITY);
            case 3: return DoubleNode.valueOf(-0.0);
            case 4: return DoubleNode.valueOf(Double.MAX_VALUE);
            case 5: return DoubleNode.valueOf(Double.MIN_VALUE);
            case 6: return DoubleNode.valueOf(Double.longBitsToDouble(random.nextLong() & 0x7fe0000000000000L));
            case 7: return DoubleNode.valueOf(Double.longBitsToDouble(random.nextLong() & 0xbfffffffffffffffL));
            default: return DoubleNode.valueOf(random.nextInt(1000000) / 64.0);
        }
    }

    private JsonNode uuid() {
        byte[] bytes = new byte[16];
        if (full || random.nextInt(4) != 0) random.nextBytes(bytes);
        return TextNode.valueOf(Base64.getUrlEncoder().withoutPadding().encodeToString(bytes));
    }

    private String string() {
        int chance = random.nextInt(2000);
        if (full) return "f\u00fcll";
        if (small) return text(random.nextInt(6));
        if (chance < 2) return "m".repeat(Short.MAX_VALUE);
        if (chance < 10) return "n".repeat(16382 + random.nextInt(4));
        if (chance < 80) return "o".repeat(125 + random.nextInt(5));
        if (chance < 120) return text(1000);
        return text(random.nextInt(12));
    }

    private String text(int length) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++) text.append(CHARACTERS[random.nextInt(CHARACTERS.length)]);
        return text.toString();
    }

    private byte[] bytes() {
        int chance = random.nextInt(1000);
        int size = full ? 5 : small ? random.nextInt(5) : chance < 5 ? 16382 + random.nextInt(5)
            : chance < 10 ? 70000 : chance < 100 ? 125 + random.nextInt(5) : random.nextInt(12);
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return bytes;
    }

    /** A place in a message's JSON: a struct's node and one field of its struct. */
    private record Place(ObjectNode struct, Spec.Field field) {
    }

    private static void places(List<Spec.Field> fields, ObjectNode node, List<Place> places) {
        for (Spec.Field field : fields) {
            places.add(new Place(node, field));
            JsonNode value = node.get(field.name);
            if (!field.isStruct() || value == null) continue;
            if (value instanceof ArrayNode array) {
                for (JsonNode element : array)
                    if (element instanceof ObjectNode struct) places(field.fields, struct, places);
            } else if (value instanceof ObjectNode struct) {
                places(field.fields, struct, places);
            }
        }
    }

    /** The ways in which spoil() spoils a message. */
    enum Fault { OTHER_VERSION, NULL, TOO_LONG, MISSING, WRONG_TYPE, OUT_OF_RANGE }

    /** Makes one thing wrong in {@code json}, at any depth; false if this message cannot go wrong so. */
    boolean spoil(Spec spec, ObjectNode json, Fault fault) {
        List<Place> all = new ArrayList<>();
        List<Place> fit = new ArrayList<>();
        places(spec.fields, json, all);
        for (Place place : all) {
            Spec.Field field = place.field;
            boolean present = field.versions.contains(version);
            boolean set = place.struct.has(field.name) && !place.struct.get(field.name).isNull();
            boolean fits = switch (fault) {
                case OTHER_VERSION -> !present && !field.isStruct();
                case NULL -> present && set && !field.nullable.contains(version) && field.couldBeNull();
                case TOO_LONG -> present && set && !field.array && field.element.equals("string");
                case MISSING -> present && !field.tagged.contains(version);
                case WRONG_TYPE -> present && set;
                case OUT_OF_RANGE -> present && set && !field.array && !field.isStruct() && field.element.contains("int");
            };
            if (fits) fit.add(place);
        }
        if (fit.isEmpty()) return false;
        Place place = fit.get(random.nextInt(fit.size()));
        ObjectNode struct = place.struct;
        Spec.Field field = place.field;
        switch (fault) {
            case OTHER_VERSION -> struct.set(field.name, value(field, false));
            case NULL -> struct.set(field.name, NullNode.instance);
            case TOO_LONG -> struct.set(field.name, TextNode.valueOf("x".repeat(Short.MAX_VALUE + 1 + random.nextInt(3))));
            case MISSING -> struct.remove(field.name);
            case WRONG_TYPE -> struct.set(field.name, field.element.equals("string") && !field.array ? IntNode.valueOf(7)
                : field.array || field.isStruct() ? TextNode.valueOf("7") : NODES.arrayNode());
            case OUT_OF_RANGE -> struct.set(field.name, switch (field.element) {
                // Kafka's converter takes 128 to 256 for an int8.
                case "int8" -> IntNode.valueOf(random.nextBoolean() ? 257 : -129);
                case "int16" -> IntNode.valueOf(random.nextBoolean() ? 32768 : -32769);
                case "uint16" -> IntNode.valueOf(random.nextBoolean() ? 65536 : -1);
                case "int32" -> LongNode.valueOf(random.nextBoolean() ? 2147483648L : -2147483649L);
                case "uint32" -> LongNode.valueOf(random.nextBoolean() ? 4294967296L : -1L);
                default -> TextNode.valueOf("9223372036854775808");
            });
        }
        return true;
    }
}
