/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See receiver.h.  The owner is asked in batches, so that it takes its lock
 * twice a batch and never while memory is allocated or bytes are copied.
 */
#include "receiver.h"

#include <string.h>

#include "../base/error.h"
#include "../protocol/endian.h"
#include "../protocol/response.h"
#include "../transport/exchange.h"

enum {
	WORD = 4,        /* the length word */
	SMALLEST = 4,    /* a response has an id at least */
	HEAD = WORD + 4, /* what must be there to know whose it is */
};

int kw_receiver_init(struct kw_receiver *receiver, struct kw_memory *memory)
{
	memset(receiver, 0, sizeof(*receiver));
	receiver->memory = memory;
	receiver->buffer = kw_alloc(memory, KW_RECEIVER_BUFFER);
	return receiver->buffer != NULL ? KWIRE_OK : KWIRE_ENOMEM;
}

void kw_receiver_fini(struct kw_receiver *receiver)
{
	kw_response_drop(receiver->large.response);
	receiver->large.response = NULL;
	kw_free(receiver->buffer);
	receiver->buffer = NULL;
}

int kw_receiver_space(struct kw_receiver *receiver, struct iovec iov[2])
{
	size_t room = KW_RECEIVER_BUFFER - receiver->end;
	int count = 0;

	if (receiver->bulk && receiver->end == 0 && receiver->skip == 0)
		room = KW_RECEIVER_PEEK;
	if (receiver->large.response != NULL) {
		iov[count].iov_base = kw_response_frame(receiver->large.response) +
				      receiver->large_have;
		iov[count].iov_len = receiver->large.size - receiver->large_have;
		count++;
	}
	iov[count].iov_base = receiver->buffer + receiver->end;
	iov[count].iov_len = room;
	return count + 1;
}

static int check(const struct kw_answer *answer, struct kwire_error *error)
{
	if (answer->fate == KW_FATE_UNKNOWN)
		return kw_fail_in(error, KWIRE_EPROTOCOL, KWIRE_PHASE_RECEIVE,
				  "the peer answered request %ld, which was never sent",
				  (long)answer->id);
	if (answer->fate == KW_FATE_DELIVER && answer->size > answer->largest)
		return kw_fail_in(error, KWIRE_ETOOLARGE, KWIRE_PHASE_RECEIVE,
				  "the peer announced a response of %lu bytes, at most %lu are "
				  "allowed: raise receive.message.max.bytes",
				  (unsigned long)answer->size, (unsigned long)answer->largest);
	return KWIRE_OK;
}

/* Hands over the answers of the batch, all of which lie whole in the buffer. */
static int hand_over(struct kw_receiver *receiver, const struct kw_receiver_owner *owner,
		     struct kwire_error *error)
{
	struct kw_answer *batch = receiver->batch;
	int count = receiver->batch_count;
	int wanted = 0;
	int result = KWIRE_OK;

	if (count == 0)
		return KWIRE_OK;
	receiver->batch_count = 0;
	owner->find(owner->context, batch, count);
	for (int i = 0; i < count && result == KWIRE_OK; i++) {
		result = check(&batch[i], error);
		if (result != KWIRE_OK || batch[i].fate != KW_FATE_DELIVER)
			continue;
		batch[i].response = kw_response_new(receiver->memory, batch[i].api, batch[i].size);
		if (batch[i].response != NULL)
			memcpy(kw_response_frame(batch[i].response), batch[i].data, batch[i].size);
		batch[wanted++] = batch[i];
	}
	if (wanted > 0)
		owner->deliver(owner->context, batch, wanted);
	return result;
}

/* A frame of which only the head is there, too large for the buffer. */
static int begin_large(struct kw_receiver *receiver, struct kw_answer *answer,
		       const struct kw_receiver_owner *owner, struct kwire_error *error)
{
	size_t have = receiver->end - receiver->start - WORD;
	int result;

	owner->find(owner->context, answer, 1);
	result = check(answer, error);
	if (result != KWIRE_OK)
		return result;
	receiver->skip = answer->size - have;
	receiver->bulk = answer->size > KW_RECEIVER_BUFFER;
	if (answer->fate == KW_FATE_DELIVER) {
		answer->response = kw_response_new(receiver->memory, answer->api, answer->size);
		if (answer->response == NULL) {
			owner->deliver(owner->context, answer, 1);
		} else {
			memcpy(kw_response_frame(answer->response),
			       receiver->buffer + receiver->start + WORD, have);
			receiver->large = *answer;
			receiver->large_have = have;
			receiver->skip = 0;
		}
	}
	receiver->start = receiver->end = 0;
	return KWIRE_OK;
}

static void take_large(struct kw_receiver *receiver, size_t *size,
		       const struct kw_receiver_owner *owner)
{
	size_t left = receiver->large.size - receiver->large_have;
	size_t part = *size < left ? *size : left;
	struct kw_answer answer;

	receiver->large_have += part;
	*size -= part;
	if (part < left)
		return;
	answer = receiver->large;
	receiver->large.response = NULL;
	owner->deliver(owner->context, &answer, 1);
}

/* Room for at least the rest of a small frame, at little copying. */
static void compact(struct kw_receiver *receiver)
{
	size_t left = receiver->end - receiver->start;

	if (left == 0) {
		receiver->start = receiver->end = 0;
	} else if (KW_RECEIVER_BUFFER - receiver->end < KW_RECEIVER_BUFFER / 2) {
		memmove(receiver->buffer, receiver->buffer + receiver->start, left);
		receiver->start = 0;
		receiver->end = left;
	}
}

int kw_receiver_step(struct kw_receiver *receiver, size_t size, size_t largest,
		     const struct kw_receiver_owner *owner, struct kwire_error *error)
{
	struct kw_answer answer;
	struct kwire_error late;
	size_t have, part;
	int result = KWIRE_OK;

	if (receiver->large.response != NULL)
		take_large(receiver, &size, owner);
	receiver->end += size;
	while (result == KWIRE_OK) {
		have = receiver->end - receiver->start;
		part = have < receiver->skip ? have : receiver->skip;
		receiver->skip -= part;
		receiver->start += part;
		have -= part;
		if (have < WORD)
			break;
		memset(&answer, 0, sizeof(answer));
		answer.data = receiver->buffer + receiver->start + WORD;
		result = kw_frame_size(answer.data - WORD, SMALLEST, largest, &answer.size, error);
		if (result != KWIRE_OK || have < HEAD)
			break;
		answer.id = (int32_t)kw_load32(answer.data);
		if (have >= WORD + answer.size) {
			receiver->start += WORD + answer.size;
			receiver->bulk = false;
			receiver->batch[receiver->batch_count++] = answer;
			if (receiver->batch_count == KW_RECEIVER_BATCH)
				result = hand_over(receiver, owner, error);
			continue;
		}
		if (WORD + answer.size <= KW_RECEIVER_SMALL)
			break;
		result = hand_over(receiver, owner, error);
		if (result == KWIRE_OK)
			result = begin_large(receiver, &answer, owner, error);
		break;
	}
	/* What came whole before something broken still has its owners. */
	if (result == KWIRE_OK)
		result = hand_over(receiver, owner, error);
	else
		(void)hand_over(receiver, owner, &late);
	compact(receiver);
	return result;
}
