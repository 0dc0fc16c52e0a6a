/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read baton.  Handing an answer from one thread to another costs two
 * context switches, half as much again as the whole way to a broker and back
 * on loopback.  So a caller that waits and finds nobody reading reads itself:
 * for itself, and for everybody whose answers come first.  One blocking call is
 * one send and one receive then, without a switch.
 *
 * Who holds the baton reads, without the lock; what has been received and is
 * not yet an answer lives in the connection, so that the next one goes on from
 * there.  It goes round by these rules:
 *
 *  1. Whoever has it passes it on, on every way out: answered, expired,
 *     cancelled, dead, or told to read and by then no longer in need of it.
 *     That is pass_locked(), and nothing else lets go of it.
 *  2. It is passed to a parked caller, under the lock, which unlinks him: he
 *     cannot be told twice, nor told after his call has ended.  Whoever wakes
 *     looks at `granted` first, and only then at `done`.
 *  3. With nobody parked it is free, and the next caller takes it.  The thread
 *     takes it when its reading is needed: for who waits without being able to
 *     read (wait_any, a place in flight), for a login, for an end that has to be
 *     read; and, after KW_LAZY_MS in which nobody read, for calls that
 *     nobody waits for.  Sooner would cost every started call several system
 *     calls; the thread looks (`armed`) until nothing was left to it for a
 *     while, and sleeps then.
 *  4. As long as it does not have the baton, the thread watches for the peer's
 *     end and for room to write, not for bytes: they never wake it.
 *  5. A blocked receive cannot be called off.  Calls that others may cancel
 *     (handles) are read for in a way that can (`kickable`), which costs a poll;
 *     the rest end by their deadline, their answer, or the connection's death.
 *  6. Who reads counts as one who uses the transport, from the moment he is
 *     told to: it is closed when he has left.
 *
 * Where callers cannot read (connection.reading=thread, or a transport that
 * does not let them) the thread holds the baton from the start, for ever, and
 * callers only park.
 */
#include "internal.h"

#include "../base/clock.h"

enum {
	KW_LAZY_MS = 2,
	KW_EMPTY_LOOKS = 8, /* after so many that found nothing, the thread sleeps */
};

/* -- parked callers ----------------------------------------------------------- */

static void park_locked(struct kwire_connection *connection, struct kwire_call *call)
	KW_REQUIRES(connection->lock)
{
	struct kw_baton *baton = &connection->baton;

	call->parked = true;
	call->parked_next = NULL;
	call->parked_previous = baton->last;
	if (baton->last != NULL)
		baton->last->parked_next = call;
	else
		baton->first = call;
	baton->last = call;
}

static void unpark_locked(struct kwire_connection *connection, struct kwire_call *call)
	KW_REQUIRES(connection->lock)
{
	struct kw_baton *baton = &connection->baton;

	if (!call->parked)
		return;
	call->parked = false;
	if (call->parked_previous != NULL)
		call->parked_previous->parked_next = call->parked_next;
	else
		baton->first = call->parked_next;
	if (call->parked_next != NULL)
		call->parked_next->parked_previous = call->parked_previous;
	else
		baton->last = call->parked_previous;
}

void kw_baton_attend_locked(struct kwire_connection *connection, struct kwire_call *call,
			    enum kw_attention attention)
{
	struct kw_baton *baton = &connection->baton;

	if (call->ended)
		attention = KW_ATTENDED;
	baton->unattended -= call->attention == KW_UNATTENDED;
	baton->wanted -= call->attention == KW_WANTED;
	baton->unattended += attention == KW_UNATTENDED;
	baton->wanted += attention == KW_WANTED;
	call->attention = attention;
}

void kw_baton_end_locked(struct kwire_connection *connection, struct kwire_call *call)
{
	kw_baton_attend_locked(connection, call, KW_ATTENDED);
	unpark_locked(connection, call);
}

/* -- passing it on -------------------------------------------------------------- */

static void use_transport_locked(struct kwire_connection *connection) KW_REQUIRES(connection->lock)
{
	connection->transport_users++;
}

static void leave_transport_locked(struct kwire_connection *connection)
	KW_REQUIRES(connection->lock)
{
	if (--connection->transport_users == 0)
		kw_cond_broadcast(&connection->changed);
}

/* Whether the thread has to read at once, if nobody else does. */
static bool needs_thread_locked(const struct kwire_connection *connection)
	KW_REQUIRES(connection->lock)
{
	return connection->baton.wanted > 0 || connection->place_waiters.first != NULL ||
	       connection->reauth.active || connection->baton.hung_up || connection->broken;
}

/* Whether there are answers to come that nobody waits for. */
static bool is_left_alone_locked(const struct kwire_connection *connection)
	KW_REQUIRES(connection->lock)
{
	return connection->baton.unattended > 0 || connection->pending.tombstones > 0;
}

static void grant_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock)
{
	struct kwire_call *call = connection->baton.first;

	unpark_locked(connection, call);
	connection->baton.holder = KW_BATON_CALLER;
	use_transport_locked(connection);
	kw_note_wake(after, call->park);
	atomic_store_explicit(&call->granted, true, memory_order_relaxed);
}

void kw_baton_offer_locked(struct kwire_connection *connection, struct kw_after *after)
{
	struct kw_baton *baton = &connection->baton;

	if (baton->holder != KW_BATON_FREE || !baton->shared ||
	    kw_state(connection) != KW_CONNECTION_READY)
		return;
	if (baton->first != NULL && !kw_reauth_is_answered_locked(connection)) {
		grant_locked(connection, after);
	} else if (needs_thread_locked(connection)) {
		baton->holder = KW_BATON_THREAD;
		after->wake_thread = true;
	} else if (!baton->armed && is_left_alone_locked(connection)) {
		baton->armed = true;
		baton->look_ms = kw_deadline(kw_now_ms(), KW_LAZY_MS);
		baton->seen_turns = baton->turns;
		baton->empty_looks = 0;
		after->wake_thread = true;
	}
}

static void pass_locked(struct kwire_connection *connection, struct kw_after *after)
	KW_REQUIRES(connection->lock)
{
	connection->baton.holder = KW_BATON_FREE;
	connection->baton.kickable = NULL;
	leave_transport_locked(connection);
	kw_baton_offer_locked(connection, after);
}

/* -- a caller's part -------------------------------------------------------------- */

/*
 * Reads until the call has ended or the deadline passed.  Has the baton, and
 * passes it on.  Nobody wakes a caller that reads.
 */
static void read_locked(struct kwire_connection *connection, struct kwire_call *call,
			int64_t deadline_ms, struct kw_after *after) KW_REQUIRES(connection->lock)
{
	struct kw_baton *baton = &connection->baton;
	struct kwire_error error;
	int64_t now_ms, silent_ms;
	ssize_t got = 0;

	atomic_store_explicit(&call->granted, false, memory_order_relaxed);
	call->park = NULL;
	baton->turns++;
	baton->kickable = call->handle ? call : NULL;
	for (;;) {
		now_ms = kw_now_ms();
		if (got > 0)
			kw_note_bytes_locked(connection, now_ms);
		if (call->ended || kw_state(connection) != KW_CONNECTION_READY ||
		    kw_reauth_is_answered_locked(connection) || now_ms >= deadline_ms)
			break;
		silent_ms = kw_silent_ms_locked(connection, now_ms);
		kw_leave(connection, after);
		got = kw_read_some(connection, call->handle ? KW_RECEIVE_KICKABLE : KW_RECEIVE,
				   silent_ms < deadline_ms ? silent_ms : deadline_ms, &error);
		kw_lock(connection);
		if (kw_is_fatal(got))
			kw_die_locked(connection, &error, after);
	}
	pass_locked(connection, after);
}

/* Reads, or parks; returns whenever the call should be looked at again. */
static void wait_or_read(struct kwire_call *call, int64_t deadline_ms)
{
	struct kwire_connection *connection = call->connection;
	struct kw_baton *baton = &connection->baton;
	struct kw_after after;
	bool reads;

	kw_after_init(&after);
	kw_lock(connection);
	reads = atomic_load_explicit(&call->granted, memory_order_relaxed);
	if (!reads && !call->ended && !call->one_way && baton->shared &&
	    kw_state(connection) == KW_CONNECTION_READY) {
		if (baton->holder == KW_BATON_FREE) {
			baton->holder = KW_BATON_CALLER;
			use_transport_locked(connection);
			reads = true;
		} else if (!call->parked) {
			park_locked(connection, call);
		}
	}
	if (reads) {
		read_locked(connection, call, deadline_ms, &after);
		kw_leave(connection, &after);
		return;
	}
	/* Done under the lock means that nobody will wake it. */
	reads = kw_call_is_done(call);
	call->park = call->own_park;
	kw_leave(connection, &after);
	if (!reads)
		kw_park_wait(call->own_park, deadline_ms);
}

/* Leaves the baton, and the line for it, to others. */
static void step_back(struct kwire_call *call)
{
	struct kwire_connection *connection = call->connection;
	struct kw_after after;

	kw_after_init(&after);
	kw_lock(connection);
	unpark_locked(connection, call);
	call->park = NULL;
	if (atomic_exchange_explicit(&call->granted, false, memory_order_relaxed))
		pass_locked(connection, &after);
	kw_leave(connection, &after);
}

bool kw_call_await(struct kwire_call *call, int64_t until_ms)
{
	int64_t deadline_ms = until_ms < call->deadline_ms ? until_ms : call->deadline_ms;

	while (!kw_call_is_done(call)) {
		wait_or_read(call, deadline_ms);
		if (kw_call_is_done(call) || kw_now_ms() < deadline_ms)
			continue;
		if (deadline_ms < call->deadline_ms) {
			step_back(call);
			return false;
		}
		kw_call_give_up(call, KWIRE_ETIMEDOUT);
		/* At most one system call of another thread is still to end. */
		deadline_ms = KW_NEVER;
	}
	if (atomic_load_explicit(&call->granted, memory_order_relaxed))
		step_back(call);
	return true;
}

void kw_baton_glance(struct kwire_connection *connection)
{
	struct kw_baton *baton = &connection->baton;
	struct kwire_error error;
	struct kw_after after;
	ssize_t got;

	kw_after_init(&after);
	kw_lock(connection);
	if (baton->shared && baton->holder == KW_BATON_FREE &&
	    kw_state(connection) == KW_CONNECTION_READY) {
		baton->holder = KW_BATON_CALLER;
		use_transport_locked(connection);
		baton->turns++;
		kw_leave(connection, &after);
		got = kw_read_some(connection, KW_RECEIVE_KICKABLE, 0, &error);
		kw_lock(connection);
		if (got > 0)
			kw_note_bytes_locked(connection, kw_now_ms());
		if (kw_is_fatal(got))
			kw_die_locked(connection, &error, &after);
		pass_locked(connection, &after);
	}
	kw_leave(connection, &after);
}

/* -- the thread's part ------------------------------------------------------------- */

/* Whether callers leave answers unread that nobody waits for: then the thread reads. */
static void look_locked(struct kwire_connection *connection, int64_t now_ms)
	KW_REQUIRES(connection->lock)
{
	struct kw_baton *baton = &connection->baton;
	bool quiet = baton->turns == baton->seen_turns;
	bool left_alone = is_left_alone_locked(connection);

	baton->look_ms = kw_deadline(now_ms, KW_LAZY_MS);
	baton->seen_turns = baton->turns;
	if (quiet && left_alone && baton->holder == KW_BATON_FREE) {
		baton->holder = KW_BATON_THREAD;
		baton->armed = false;
	} else if (left_alone && !(quiet && baton->holder == KW_BATON_CALLER)) {
		baton->empty_looks = 0;
	} else if (++baton->empty_looks >= KW_EMPTY_LOOKS) {
		/* Who passes the baton on, or starts a call, arms it again. */
		baton->armed = false;
		baton->disarmed = true;
	}
}

bool kw_baton_turn_locked(struct kwire_connection *connection, int64_t now_ms, int64_t *until_ms,
			  struct kw_after *after)
{
	struct kw_baton *baton = &connection->baton;
	bool needed = needs_thread_locked(connection);

	*until_ms = KW_NEVER;
	if (!baton->shared)
		return true;
	if (baton->holder == KW_BATON_THREAD && !needed &&
	    (baton->first != NULL || !is_left_alone_locked(connection))) {
		baton->holder = KW_BATON_FREE;
		kw_baton_offer_locked(connection, after);
	}
	if (baton->holder == KW_BATON_FREE && needed)
		baton->holder = KW_BATON_THREAD;
	if (baton->holder != KW_BATON_THREAD && baton->armed) {
		if (baton->look_ms <= now_ms)
			look_locked(connection, now_ms);
		if (baton->armed)
			*until_ms = baton->look_ms;
	}
	/* A login's answer may have come since the thread looked: it looks again first. */
	return baton->holder == KW_BATON_THREAD && !kw_reauth_is_answered_locked(connection);
}
