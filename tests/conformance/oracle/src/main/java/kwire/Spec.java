// SPDX-License-Identifier: Apache-2.0
// Reads the schemas in the kafka-clients jar; called by Oracle, knows no message classes.
package kwire;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

import org.apache.kafka.common.protocol.ApiMessage;

/**
 * The message schemas that lie in the kafka-clients jar, read here independently of kwire's
 * generator: just enough to know which JSON a message takes.
 */
final class Spec {
    /** A range of versions, inclusive. */
    record Versions(int lowest, int highest) {
        static final Versions NONE = new Versions(0, -1);

        static Versions of(JsonNode node) {
            if (node == null) return NONE;
            String text = node.asText().trim();
            if (text.isEmpty() || text.equals("none")) return NONE;
            if (text.endsWith("+")) return new Versions(Integer.parseInt(text.substring(0, text.length() - 1)), Short.MAX_VALUE);
            int dash = text.indexOf('-');
            if (dash < 0) return new Versions(Integer.parseInt(text), Integer.parseInt(text));
            return new Versions(Integer.parseInt(text.substring(0, dash)), Integer.parseInt(text.substring(dash + 1)));
        }

        boolean contains(int version) {
            return version >= lowest && version <= highest;
        }
    }

    /** One field; {@code element} is the type, or an array's element's type. */
    static final class Field {
        String name;
        String element;
        boolean array;
        Versions versions;
        Versions nullable;
        Versions tagged;
        List<Field> fields;

        boolean isStruct() {
            return fields != null;
        }

        /** Whether a null can be told from an empty value at all. */
        boolean couldBeNull() {
            return array || isStruct() || element.equals("string") || element.equals("bytes") || element.equals("records");
        }
    }

    String name;
    Versions versions;
    Versions flexible;
    List<Field> fields;

    private static Map<String, JsonNode> commonStructs;

    /** Every message of the release that has versions, by name. */
    static TreeMap<String, Spec> load() throws IOException {
        TreeMap<String, Spec> specs = new TreeMap<>();
        ObjectMapper mapper = new ObjectMapper();
        mapper.configure(JsonParser.Feature.ALLOW_COMMENTS, true);
        String jar = ApiMessage.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        try (JarFile file = new JarFile(jar)) {
            for (JarEntry entry : (Iterable<JarEntry>) file.stream()::iterator) {
                if (!entry.getName().matches("common/message/[^/]+\\.json")) continue;
                try (InputStream in = file.getInputStream(entry)) {
                    Spec spec = parse(mapper.readTree(in));
                    if (spec.versions != Versions.NONE) specs.put(spec.name, spec);
                }
            }
        }
        return specs;
    }

    private static Spec parse(JsonNode root) {
        Spec spec = new Spec();
        spec.name = root.get("name").asText();
        spec.versions = Versions.of(root.get("validVersions"));
        spec.flexible = Versions.of(root.get("flexibleVersions"));
        commonStructs = new HashMap<>();
        if (root.has("commonStructs"))
            for (JsonNode struct : root.get("commonStructs")) commonStructs.put(struct.get("name").asText(), struct.get("fields"));
        spec.fields = root.has("fields") ? fields(root.get("fields")) : List.of();
        return spec;
    }

    private static List<Field> fields(JsonNode nodes) {
        List<Field> fields = new ArrayList<>();
        for (JsonNode node : nodes) {
            Field field = new Field();
            String name = node.get("name").asText();
            String type = node.get("type").asText();
            field.name = Character.toLowerCase(name.charAt(0)) + name.substring(1);
            field.array = type.startsWith("[]");
            field.element = field.array ? type.substring(2) : type;
            field.tagged = Versions.of(node.get("taggedVersions"));
            field.versions = node.has("versions") ? Versions.of(node.get("versions")) : field.tagged;
            field.nullable = Versions.of(node.get("nullableVersions"));
            if (Character.isUpperCase(field.element.charAt(0)))
                field.fields = fields(node.has("fields") ? node.get("fields") : commonStructs.get(field.element));
            fields.add(field);
        }
        return fields;
    }
}
