/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as JSON, in Kafka's own mapping (its generated JsonConverter
 * classes): field names as in Kafka with a small first letter, in the schema's
 * order; bytes in base64, UUIDs in base64url; tagged fields only where they
 * are not default.  `records` are base64 too, where Kafka's mapping leaves
 * them out.  Part of libkwire-json.a.
 */
#ifndef KWIRE_JSON_H
#define KWIRE_JSON_H

#include <kwire/describe.h>
#include <kwire/observe.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kwire_json_flag {
	/* Printing: an empty text for `records`, as Kafka prints them. */
	KWIRE_JSON_NO_RECORDS = 1 << 0,
	/* Printing: over many lines, indented. */
	KWIRE_JSON_PRETTY = 1 << 1,
	/* Reading: a field that is not there has its default, where it would be an error. */
	KWIRE_JSON_DEFAULTS = 1 << 2,
	/* Reading: a field that the message has not is passed over, where it would be an error. */
	KWIRE_JSON_PASS_UNKNOWN = 1 << 3,
};

/*
 * Prints `message` as it is in `version`: `*text` is NUL-terminated, for
 * kwire_json_free(), `*size` (which may be NULL) its bytes.  KWIRE_EINVAL names
 * the field that this version cannot carry; KWIRE_ENOMEM.  Text that is no
 * UTF-8 is printed with U+FFFD in its place.  Any thread.
 */
KWIRE_API int kwire_json_print(const struct kwire_description *description, const void *message,
			       int16_t version, unsigned flags, char **text, size_t *size,
			       struct kwire_error *error);
KWIRE_API void kwire_json_free(char *text);

/*
 * Reads `size` bytes of JSON as a message in `version`; `*message` is freed
 * with kwire_response_free().  A field that the message knows and the version
 * has not is read all the same; whether it can be written is another question.
 * KWIRE_EINVAL names the field and what is wrong with it; KWIRE_ENOMEM.  Any
 * thread.
 */
KWIRE_API int kwire_json_read(const struct kwire_description *description, const char *text,
			      size_t size, int16_t version, unsigned flags, void **message,
			      struct kwire_error *error);

/*
 * For kwire_config_trace(): a line a field, nested by indentation, in the
 * schema's order; default values too, so that traces can be compared.  Bytes
 * are in hex and cut when long, records only counted, secrets masked.  A frame
 * that breaks off is printed as far as it goes.  Links every description.
 */
KWIRE_API void kwire_trace_fields(const struct kwire_frame_event *event, const uint8_t *frame,
				  size_t size, kwire_write_function *write, void *context);

#ifdef __cplusplus
}
#endif

#endif
