/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small helpers of kwire/message.h, and messages on their own, outside any
 * request: encoded into the caller's buffer, decoded into a block.
 */
#include "reader.h"
#include "response.h"
#include "writer.h"

struct kwire_string kwire_string(const char *text)
{
	return kwire_string_of(text, text == NULL ? 0 : strlen(text));
}

bool kwire_string_equal(struct kwire_string string, const char *text)
{
	if (string.data == NULL || text == NULL)
		return string.data == NULL && text == NULL;
	return string.size >= 0 && strlen(text) == (size_t)string.size &&
	       memcmp(string.data, text, (size_t)string.size) == 0;
}

static const char uuid_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void kwire_uuid_format(struct kwire_uuid uuid, char text[23])
{
	unsigned bits = 0, count = 0, next = 0;

	for (int i = 0; i < 22; i++) {
		if (count < 6) {
			bits = bits << 8 | (next < 16 ? uuid.bytes[next] : 0);
			next++;
			count += 8;
		}
		count -= 6;
		text[i] = uuid_digits[bits >> count & 0x3f];
	}
	text[22] = '\0';
}

int kwire_uuid_parse(const char *text, struct kwire_uuid *uuid)
{
	struct kwire_uuid result = KWIRE_UUID_INIT;
	unsigned bits = 0, count = 0, next = 0;

	if (text == NULL || uuid == NULL || strlen(text) != 22)
		return KWIRE_EINVAL;
	for (; *text != '\0'; text++) {
		const char *digit = strchr(uuid_digits, *text);

		if (digit == NULL)
			return KWIRE_EINVAL;
		bits = bits << 6 | (unsigned)(digit - uuid_digits);
		count += 6;
		if (count >= 8) {
			count -= 8;
			result.bytes[next++] = (uint8_t)(bits >> count);
		}
	}
	/* 22 digits are 132 bits: the last four say nothing and have to be zero. */
	if ((bits & 0x0f) != 0)
		return KWIRE_EINVAL;
	*uuid = result;
	return KWIRE_OK;
}

bool kwire_uuid_is_zero(struct kwire_uuid uuid)
{
	uint8_t any = 0;

	for (size_t i = 0; i < sizeof(uuid.bytes); i++)
		any |= uuid.bytes[i];
	return any == 0;
}

static bool has_version(const struct kwire_message *type, int16_t version)
{
	return version >= type->min_version && version <= type->max_version;
}

static int fail_version(const struct kwire_message *type, int16_t version,
			struct kwire_error *error)
{
	return kw_fail(error, KWIRE_EINVAL, "%s has no version %d (%d to %d are known)", type->name,
		       version, type->min_version, type->max_version);
}

int kwire_message_encode(const struct kwire_message *type, const void *message, int16_t version,
			 void *buffer, size_t capacity, size_t *size, struct kwire_error *error)
{
	struct kwire_writer writer;

	if (type == NULL || message == NULL || size == NULL || (buffer == NULL && capacity > 0))
		return kw_fail(error, KWIRE_EINVAL, "no message, or nowhere to put it");
	if (!has_version(type, version))
		return fail_version(type, version, error);
	kw_writer_init(&writer, buffer, capacity);
	type->encode(&writer, message, version);
	if (writer.failed)
		return kw_fail(error, writer.fault.result, "%s v%d: %s%s%s", type->name, version,
			       writer.fault.path, writer.fault.path[0] != '\0' ? " " : "",
			       writer.fault.problem);
	*size = writer.size;
	if (writer.size > capacity)
		return kw_fail(error, KWIRE_ETOOLARGE, "%s v%d: %lu bytes, where %lu have room",
			       type->name, version, (unsigned long)writer.size,
			       (unsigned long)capacity);
	return KWIRE_OK;
}

int kwire_message_decode(const struct kwire_message *type, const void *data, size_t size,
			 int16_t version, void **message, struct kwire_error *error)
{
	struct kw_decode_job job = {
		.name = NULL,
		.kind = "",
		.api_key = -1,
		.version = version,
		.header = KW_HEADER_NONE,
	};
	struct kw_response *block = NULL;
	struct kw_memory *memory;

	if (type == NULL || message == NULL || (data == NULL && size > 0))
		return kw_fail(error, KWIRE_EINVAL, "no message, or nowhere to put it");
	if (!has_version(type, version))
		return fail_version(type, version, error);
	if (size > INT32_MAX)
		return kw_fail(error, KWIRE_ETOOLARGE, "%s of %lu bytes", type->name,
			       (unsigned long)size);
	job.name = type->name;
	job.decode = type->decode;
	memory = kw_memory_new(NULL, 0);
	if (memory != NULL)
		block = kw_response_new_sized(memory, type->size, size, type->guess);
	kw_memory_put(memory);
	if (block == NULL)
		return kw_fail_memory(error);
	if (size > 0)
		memcpy(kw_response_frame(block), data, size);
	return kw_response_run(block, &job, message, error);
}
