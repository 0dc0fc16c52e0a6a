/* SPDX-License-Identifier: Apache-2.0 */
/* See refusal.h. */
#include "refusal.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/error.h"
#include "crypto.h"

int kw_refusal_init(struct kw_refusal *refusal, struct kwire_error *error) KW_NO_ANALYSIS
{
	refusal->standing = false;
	if (kw_random(refusal->key, sizeof(refusal->key)) != 0)
		return kw_fail_in(error, KWIRE_EOS, KWIRE_PHASE_SASL,
				  "the system has no random numbers");
	if (kw_mutex_init(&refusal->lock, KW_RANK_LEAF) != 0)
		return kw_fail_memory(error);
	return KWIRE_OK;
}

void kw_refusal_fini(struct kw_refusal *refusal)
{
	kw_mutex_fini(&refusal->lock);
}

bool kw_refusal_stands(struct kw_refusal *refusal)
{
	bool standing;

	kw_mutex_lock(&refusal->lock);
	standing = refusal->standing;
	kw_mutex_unlock(&refusal->lock);
	return standing;
}

int kw_refusal_mark(const struct kw_refusal *refusal, struct kw_memory *memory,
		    const struct kw_credentials *credentials, uint8_t mark[KW_REFUSAL_MARK])
{
	/* The NUL between them keeps "ab", "c" from being "a", "bc". */
	size_t name_size = strlen(credentials->username) + 1;
	size_t size = name_size + strlen(credentials->password);
	char *both = kw_alloc(memory, size);
	int result;

	if (both == NULL)
		return KWIRE_ENOMEM;
	memcpy(both, credentials->username, name_size);
	memcpy(both + name_size, credentials->password, size - name_size);
	result = kw_hmac(KW_SHA256, refusal->key, sizeof(refusal->key), both, size, mark);
	kw_wipe(both, size);
	kw_free(both);
	return result;
}

int kw_refusal_check(struct kw_refusal *refusal, const uint8_t mark[KW_REFUSAL_MARK],
		     int64_t retry_ms, struct kwire_error *error)
{
	struct kwire_error cause = kw_no_error();
	int64_t now_ms = kw_now_ms();
	bool refused;

	kw_mutex_lock(&refusal->lock);
	refused = refusal->standing && memcmp(refusal->mark, mark, KW_REFUSAL_MARK) == 0 &&
		  (retry_ms < 0 || now_ms - refusal->since_ms < retry_ms);
	if (refused)
		cause = refusal->cause;
	kw_mutex_unlock(&refusal->lock);
	if (!refused)
		return KWIRE_OK;
	kw_error_add(&cause, "; the same name and password are not sent again (change them, see "
			     "kwire_client_reload_security() and sasl.refused.retry.ms)");
	return kw_error_copy(error, &cause);
}

void kw_refusal_note(struct kw_refusal *refusal, const uint8_t mark[KW_REFUSAL_MARK],
		     const struct kwire_error *cause)
{
	int64_t now_ms = kw_now_ms();

	kw_mutex_lock(&refusal->lock);
	refusal->standing = true;
	refusal->since_ms = now_ms;
	refusal->cause = *cause;
	memcpy(refusal->mark, mark, KW_REFUSAL_MARK);
	kw_mutex_unlock(&refusal->lock);
}

void kw_refusal_clear(struct kw_refusal *refusal)
{
	kw_mutex_lock(&refusal->lock);
	refusal->standing = false;
	kw_mutex_unlock(&refusal->lock);
}
