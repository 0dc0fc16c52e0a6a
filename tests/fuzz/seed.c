/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seed DIRECTORY: writes the fuzz targets' first inputs, one random message of
 * every API in its lowest and highest version, in each target's form.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <kwire/json.h>

#include "../conformance/messages.h"
#include "../support/random_message.h"
#include "protocol/frame.h"
#include "protocol/server.h"

static const char *directory;

static void save(const char *target, const char *name, int version, const void *head,
		 size_t head_size, const void *data, size_t size)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, target);
	mkdir(directory, 0777);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s-%d", directory, target, name, version);
	file = fopen(path, "wb");
	if (file == NULL) {
		fprintf(stderr, "seed: cannot write %s\n", path);
		exit(1);
	}
	fwrite(head, 1, head_size, file);
	fwrite(data, 1, size, file);
	fclose(file);
}

/* Picks are bytes: what lies beyond 255 cannot be reached, and there is nothing. */
static void seed_json(const struct kwire_description *description, int index, int16_t version,
		      const void *message)
{
	uint8_t head[3] = {(uint8_t)index, (uint8_t)(version - description->min_version), 0};
	char *text;
	size_t size;

	if (kwire_json_print(description, message, version, 0, &text, &size, NULL) != 0)
		return;
	save("fuzz_json", description->name, version, head, 3, text, size);
	kwire_json_free(text);
}

static void seed_wire(const struct kwire_description *description, int16_t version,
		      const void *message, struct kw_memory *memory)
{
	struct kw_frame frame = KW_FRAME_INIT;
	uint8_t head[2] = {0, (uint8_t)(version - description->min_version)};

	for (int i = 0; i < kwire_all_servers_count; i++) {
		const struct kwire_server_api *server = kwire_all_servers[i];

		if (server->api->key != description->api_key)
			continue;
		head[0] = (uint8_t)i;
		if (description->kind == KWIRE_KIND_RESPONSE &&
		    kw_response_encode(&frame, memory, server, version, 7, message, INT32_MAX,
				       NULL) == 0 &&
		    kw_frame_own(&frame, memory) == 0)
			save("fuzz_response", description->name, version, head, 2, frame.data + 4,
			     frame.size - 4);
		if (description->kind == KWIRE_KIND_REQUEST &&
		    kw_frame_encode(&frame, memory, server->api, version, KWIRE_STRING("me"),
				    message, INT32_MAX, NULL) == 0 &&
		    kw_frame_own(&frame, memory) == 0)
			save("fuzz_request", description->name, version, head, 0, frame.data + 4,
			     frame.size - 4);
	}
	kw_frame_fini(&frame);
}

static void seed_message(const struct kwire_description *description, int16_t version,
			 const void *message)
{
	uint8_t head[2] = {0, (uint8_t)(version - description->min_version)};
	uint8_t bytes[8192];
	size_t size;

	for (int i = 0; i < kwire_all_messages_count; i++) {
		if (strcmp(kwire_all_messages[i]->name, description->name) != 0 ||
		    kwire_message_encode(kwire_all_messages[i], message, version, bytes,
					 sizeof(bytes), &size, NULL) != 0)
			continue;
		head[0] = (uint8_t)i;
		save("fuzz_message", description->name, version, head, 2, bytes, size);
	}
}

int main(int argc, char **argv)
{
	struct kw_memory *memory = kw_memory_new(NULL, 0);

	if (argc != 2 || memory == NULL) {
		fprintf(stderr, "usage: seed DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	for (int i = 0; i < kwire_all_descriptions_count; i++) {
		const struct kwire_description *description = kwire_all_descriptions[i];
		const int16_t versions[] = {description->min_version, description->max_version};

		for (int k = 0; k < 2; k++) {
			void *message = random_message(description, versions[k], (uint64_t)i + 1);

			seed_json(description, i, versions[k], message);
			seed_wire(description, versions[k], message, memory);
			seed_message(description, versions[k], message);
			kwire_response_free(message);
		}
	}
	kw_memory_put(memory);
	return 0;
}
