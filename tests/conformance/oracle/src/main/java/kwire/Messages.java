// SPDX-License-Identifier: Apache-2.0
// Kafka's generated message classes by reflection; called by Oracle, knows nothing of kwire.
package kwire;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;

import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Random;

import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** One of Kafka's generated message classes and its JSON converter, by reflection. */
final class Messages {
    private final Class<?> type;
    private final Method read;
    private final Method write;
    final Spec spec;
    final int lowest;
    final int highest;

    Messages(Spec spec) throws ReflectiveOperationException {
        String base = "org.apache.kafka.common.message." + spec.name;
        this.spec = spec;
        type = find(base + "Data", base);
        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        read = converter.getMethod("read", JsonNode.class, short.class);
        write = converter.getMethod("write", type, short.class, boolean.class);
        lowest = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
        highest = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
    }

    private static Class<?> find(String... names) throws ClassNotFoundException {
        for (String name : names) {
            try {
                return Class.forName(name);
            } catch (ClassNotFoundException missing) {
                // the next name
            }
        }
        throw new ClassNotFoundException(names[0]);
    }

    private static Object call(Method method, Object... arguments) {
        try {
            return method.invoke(null, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) throw cause;
            throw new IllegalStateException(e.getCause());
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    Message fromJson(JsonNode json, int version) {
        return (Message) call(read, json, (short) version);
    }

    /** The JSON of a message, with the content of `records` put in, which Kafka's converter leaves out. */
    JsonNode toJson(Message message, int version) {
        JsonNode json = (JsonNode) call(write, message, (short) version, true);
        putRecords(json, message);
        return json;
    }

    static byte[] toBytes(Message message, int version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        int size = message.size(cache, (short) version);
        ByteBuffer buffer = ByteBuffer.allocate(size);
        message.write(new ByteBufferAccessor(buffer), cache, (short) version);
        if (buffer.hasRemaining()) throw new IllegalStateException("size said " + size + ", written " + buffer.position());
        return buffer.array();
    }

    Message newMessage() {
        try {
            return (Message) type.getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    Message fromBytes(byte[] bytes, int version) {
        Message message = newMessage();
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        message.read(new ByteBufferAccessor(buffer), (short) version);
        if (buffer.hasRemaining()) throw new IllegalStateException(buffer.remaining() + " bytes left over");
        return message;
    }

    private static Object member(Object message, String name) {
        try {
            Field field = message.getClass().getDeclaredField(name);
            field.setAccessible(true);
            return field.get(message);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private void putRecords(JsonNode json, Object message) {
        putRecords(spec.fields, json, message);
    }

    private static void putRecords(List<Spec.Field> fields, JsonNode json, Object message) {
        for (Spec.Field field : fields) {
            JsonNode value = json.get(field.name);
            if (value == null || value.isNull()) continue;
            if (field.element.equals("records")) {
                BaseRecords records = (BaseRecords) member(message, field.name);
                ByteBuffer content = ((MemoryRecords) records).buffer().duplicate();
                byte[] bytes = new byte[content.remaining()];
                content.get(bytes);
                ((ObjectNode) json).set(field.name, new TextNode(Base64.getEncoder().encodeToString(bytes)));
            } else if (field.isStruct() && field.array) {
                Iterator<?> elements = ((Collection<?>) member(message, field.name)).iterator();
                for (JsonNode element : value) putRecords(field.fields, element, elements.next());
            } else if (field.isStruct()) {
                putRecords(field.fields, value, member(message, field.name));
            }
        }
    }

    /** Adds tagged fields that nobody knows, to the message and to every struct in it that this version has. */
    int addUnknownTags(Message message, int version, Random random) {
        return addUnknownTags(spec.fields, message, version, random);
    }

    private static int addUnknownTags(List<Spec.Field> fields, Message message, int version, Random random) {
        List<RawTaggedField> tags = message.unknownTaggedFields();
        int added = 1 + random.nextInt(3);
        int tag = 40;
        for (int i = 0; i < added; i++) {
            byte[] value = new byte[random.nextInt(4) == 0 ? 126 + random.nextInt(4) : random.nextInt(6)];
            random.nextBytes(value);
            tags.add(new RawTaggedField(tag, value));
            tag += 1 + random.nextInt(random.nextBoolean() ? 10 : 20000);
        }
        for (Spec.Field field : fields) {
            if (!field.isStruct() || !field.versions.contains(version)) continue;
            Object value = member(message, field.name);
            if (value instanceof Collection<?> elements) {
                // An element's hash counts its tags: take them out of a hashed collection meanwhile.
                List<Message> copy = new ArrayList<>();
                for (Object element : elements) copy.add((Message) element);
                elements.clear();
                for (Message element : copy) {
                    added += addUnknownTags(field.fields, element, version, random);
                    add(elements, element);
                }
            } else if (value instanceof Message struct) {
                added += addUnknownTags(field.fields, struct, version, random);
            }
        }
        return added;
    }

    @SuppressWarnings("unchecked")
    private static void add(Collection<?> elements, Object element) {
        ((Collection<Object>) elements).add(element);
    }
}
