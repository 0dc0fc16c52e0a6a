/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token endpoint may answer: HTTP taken apart at two lengths, and the
 * JSON in it, from a block that ends where the bytes do.
 */
#include <stdlib.h>
#include <string.h>

#include "pick.h"
#include "sasl/json_member.h"
#include "transport/http.h"

static void read_json(char *data, size_t size)
{
	struct kw_json_member members[] = {{.name = "access_token"}, {.name = "expires_in"}};

	if (!kw_json_members(data, size, members, 2))
		return;
	for (int i = 0; i < 2; i++)
		if (members[i].kind == KW_JSON_STRING || members[i].kind == KW_JSON_NUMBER) {
			FUZZ_CHECK(members[i].text >= data &&
				   members[i].text + members[i].size <= data + size);
			FUZZ_CHECK(strlen(members[i].text) == members[i].size);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kw_http_answer answer;
	char *copy = malloc(size + 1);

	if (copy == NULL)
		return 0;
	for (int half = 1; half >= 0; half--) {
		size_t came = half ? size / 2 : size;

		memcpy(copy, data, came);
		if (kw_http_parse(copy, came, half == 0, &answer) != KW_HTTP_DONE)
			continue;
		FUZZ_CHECK(answer.body >= copy && answer.body + answer.body_size <= copy + came);
		FUZZ_CHECK(answer.status >= 200 && answer.status <= 999);
		read_json(answer.body, answer.body_size);
		break;
	}
	memcpy(copy, data, size);
	read_json(copy, size);
	free(copy);
	return 0;
}
