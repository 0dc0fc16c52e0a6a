/* SPDX-License-Identifier: Apache-2.0 */
/* See random_message.h. */
#include "random_message.h"

#include <stdlib.h>
#include <string.h>

#include "json/value.h"
#include "protocol/arena.h"
#include "protocol/response.h"

#define FIRST_UNKNOWN_TAG 100

struct dice {
	uint64_t state;
	struct kw_arena arena;
	const struct kwire_description *description;
	int16_t version;
	int depth;
};

/* splitmix64 */
static uint64_t roll(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool one_in(struct dice *dice, unsigned n)
{
	return roll(dice) % n == 0;
}

static void *get(struct dice *dice, size_t size)
{
	void *data = kw_arena_alloc(&dice->arena, size > 0 ? size : 1, 0, 0);

	if (data == NULL)
		abort();
	return data;
}

static size_t any_size(struct dice *dice)
{
	static const size_t edges[] = {0, 1, 126, 127, 128, 300};

	return one_in(dice, 4) ? edges[roll(dice) % 6] : (size_t)(roll(dice) % 24);
}

static struct kwire_string any_string(struct dice *dice)
{
	static const char *const letters[] = {
		"a",  "Z",  "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\"", "\\", "\n",       "\x01",         "/"};
	size_t count = any_size(dice), size = 0;
	char *data = get(dice, 4 * count + 1);

	for (size_t i = 0; i < count; i++) {
		const char *letter = letters[roll(dice) % 10];

		memcpy(data + size, letter, strlen(letter));
		size += strlen(letter);
	}
	data[size] = '\0';
	return kwire_string_of(data, size);
}

static struct kwire_bytes any_bytes(struct dice *dice)
{
	size_t size = any_size(dice);
	uint8_t *data = get(dice, size);

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)roll(dice);
	return kwire_bytes_of(data, size);
}

static uint64_t any_number(struct dice *dice)
{
	static const uint64_t edges[] = {
		0,    1,      UINT64_MAX, UINT64_C(1) << 63, UINT64_MAX >> 1, 0x7f,
		0x80, 0x7fff, 0x8000,     0x7fffffff,        0x80000000,      0xffffffff};

	return one_in(dice, 3) ? edges[roll(dice) % 12] : roll(dice);
}

static void fill_struct(struct dice *dice, const struct kwire_struct_description *structure,
			void *object);

static void fill_value(struct dice *dice, const struct kwire_field_description *field, void *value)
{
	static const double reals[] = {0.0, -0.0, 1.5, 1e300, 4.9e-324, -1e-5, 1e7};
	static const uint64_t odd[] = {UINT64_C(0x7ff8) << 48, UINT64_C(0x7ff0) << 48};
	uint64_t number = any_number(dice);
	size_t i = (size_t)(roll(dice) % 9);

	switch (field->type) {
	case KWIRE_TYPE_BOOL:
		*(bool *)value = number & 1;
		break;
	case KWIRE_TYPE_INT8:
		*(uint8_t *)value = (uint8_t)number;
		break;
	case KWIRE_TYPE_INT16:
	case KWIRE_TYPE_UINT16:
		*(uint16_t *)value = (uint16_t)number;
		break;
	case KWIRE_TYPE_INT32:
	case KWIRE_TYPE_UINT32:
		*(uint32_t *)value = (uint32_t)number;
		break;
	case KWIRE_TYPE_INT64:
		*(uint64_t *)value = number;
		break;
	case KWIRE_TYPE_FLOAT64:
		memcpy(value, i < 7 ? (const void *)&reals[i] : (const void *)&odd[i - 7],
		       sizeof(double));
		break;
	case KWIRE_TYPE_UUID:
		for (i = 0; i < 16; i++)
			((struct kwire_uuid *)value)->bytes[i] = (uint8_t)roll(dice);
		break;
	case KWIRE_TYPE_STRING:
		*(struct kwire_string *)value = any_string(dice);
		break;
	case KWIRE_TYPE_BYTES:
	case KWIRE_TYPE_RECORDS:
		*(struct kwire_bytes *)value = any_bytes(dice);
		break;
	case KWIRE_TYPE_STRUCT:
		fill_struct(dice, field->structure, value);
		break;
	}
}

static void fill_array(struct dice *dice, const struct kwire_field_description *field, void *value)
{
	size_t size = kw_value_size(field);
	struct kw_any_array array;

	array.count = (int32_t)(roll(dice) % (dice->depth > 3 ? 2 : 4));
	if (field->type != KWIRE_TYPE_STRUCT && one_in(dice, 10))
		array.count = 130;
	array.items = array.count > 0 ? get(dice, (size_t)array.count * size) : NULL;
	for (int32_t i = 0; i < array.count; i++)
		fill_value(dice, field, (char *)array.items + (size_t)i * size);
	memcpy(value, &array, sizeof(array));
}

/* Null, as the field's type has it; its default stands in the struct already. */
static void make_null(const struct kwire_field_description *field, void *value)
{
	struct kw_any_array array = {NULL, -1};

	if (field->flags & KWIRE_FIELD_ARRAY)
		memcpy(value, &array, sizeof(array));
	else if (field->flags & KWIRE_FIELD_POINTER)
		memset(value, 0, sizeof(void *));
	else
		*(struct kwire_string *)value = kwire_string_of(NULL, 0);
}

static void fill_field(struct dice *dice, const struct kwire_field_description *field, void *object)
{
	char *value = (char *)object + field->offset;

	if (!kw_field_exists(field, dice->version))
		return;
	if (kw_field_tagged(field, dice->version) && one_in(dice, 2))
		return;
	if (kw_field_nullable(field, dice->version) && one_in(dice, 5)) {
		make_null(field, value);
	} else if (field->flags & KWIRE_FIELD_ARRAY) {
		fill_array(dice, field, value);
	} else if (field->flags & KWIRE_FIELD_POINTER) {
		void *inner = get(dice, field->structure->size);

		fill_struct(dice, field->structure, inner);
		memcpy(value, &inner, sizeof(inner));
	} else {
		fill_value(dice, field, value);
	}
}

static void add_unknown_tags(struct dice *dice, const struct kwire_struct_description *structure,
			     void *object)
{
	struct kwire_tagged_fields *tags;

	if (structure->unknown_tags_offset < 0 ||
	    dice->version < dice->description->first_flexible_version || !one_in(dice, 8))
		return;
	tags = get(dice, sizeof(*tags));
	tags->count = 1 + (int32_t)(roll(dice) % 2);
	tags->items = get(dice, (size_t)tags->count * sizeof(*tags->items));
	for (int32_t i = 0; i < tags->count; i++) {
		tags->items[i].tag = FIRST_UNKNOWN_TAG + (uint32_t)i * 40;
		tags->items[i].value = any_bytes(dice);
	}
	memcpy((char *)object + structure->unknown_tags_offset, &tags, sizeof(tags));
}

static void fill_struct(struct dice *dice, const struct kwire_struct_description *structure,
			void *object)
{
	dice->depth++;
	memcpy(object, structure->defaults, structure->size);
	for (int i = 0; i < structure->field_count; i++)
		fill_field(dice, &structure->fields[i], object);
	add_unknown_tags(dice, structure, object);
	dice->depth--;
}

void *random_message(const struct kwire_description *description, int16_t version, uint64_t seed)
{
	struct dice dice = {.state = seed, .description = description, .version = version};
	struct kw_memory *memory = kw_memory_new(NULL, 0);
	struct kw_response *block;
	void *object;

	if (memory == NULL)
		abort();
	block = kw_response_new_sized(memory, description->root->size, 0, 0);
	kw_memory_put(memory);
	if (block == NULL)
		abort();
	object = kw_response_build(block, &dice.arena);
	fill_struct(&dice, description->root, object);
	kw_response_built(block, &dice.arena);
	return object;
}
