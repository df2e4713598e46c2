/* See allowances.h. */
#include "allowances.h"

#include <stdint.h>
#include <stdlib.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include "clock.h"

#define FIRST_SLOTS 1024u
#define NOTED_EVERY_SECONDS 600u

/* What a lamp may still publish: a token bucket. */
struct allowance {
	uint64_t lamp;      /* hash of its username; 0 in an empty slot */
	uint64_t at_ms;     /* when `messages` was computed */
	double messages;
	uint32_t noted_s;   /* when the log last named this lamp; 0 for never */
};

static double burst, rate;

/* Open addressing. `slots` is a power of two; at most half of them are used. */
static struct allowance *table;
static size_t slots, used;

/* FNV-1a. Lamps don't choose their usernames, so nobody can provoke collisions. */
static uint64_t hash_of(const char *username)
{
	uint64_t hash = 14695981039346656037u;

	for (; *username; username++) {
		hash = (hash ^ (unsigned char)*username) * 1099511628211u;
	}
	return hash ? hash : 1;
}

static double refilled(const struct allowance *allowance, uint64_t now)
{
	double messages = allowance->messages + (double)(now - allowance->at_ms) * rate / 1000;

	return messages < burst ? messages : burst;
}

static struct allowance *slot_of(uint64_t lamp)
{
	size_t slot = (lamp ^ lamp >> 32) & (slots - 1);

	while (table[slot].lamp && table[slot].lamp != lamp) {
		slot = (slot + 1) & (slots - 1);
	}
	return &table[slot];
}

/* Make room for another lamp. Full allowances are dropped, since a lamp without one has a full one: the table has the
 * lamps of the last minute, not all that ever connected. Return false if there is no memory. */
static bool make_room(uint64_t now)
{
	struct allowance *old = table;
	size_t old_slots = slots, kept = 0, wanted = FIRST_SLOTS;

	for (size_t i = 0; i < old_slots; i++) {
		kept += old[i].lamp && refilled(&old[i], now) < burst;
	}
	while (wanted < 4 * (kept + 1)) {
		wanted *= 2;
	}
	table = calloc(wanted, sizeof *table);
	if (!table) {
		table = old;
		return false;
	}
	slots = wanted;
	used = kept;
	for (size_t i = 0; i < old_slots; i++) {
		if (old[i].lamp && refilled(&old[i], now) < burst) {
			*slot_of(old[i].lamp) = old[i];
		}
	}
	free(old);
	return true;
}

bool may_publish(const char *username)
{
	uint64_t now = now_ms(), lamp = hash_of(username);
	struct allowance *own;

	if (2 * (used + 1) > slots && !make_room(now) && used + 1 >= slots) {
		return true;
	}
	own = slot_of(lamp);
	if (!own->lamp) {
		*own = (struct allowance){ .lamp = lamp, .at_ms = now, .messages = burst };
		used++;
	}
	own->messages = refilled(own, now);
	own->at_ms = now;
	if (own->messages >= 1) {
		own->messages -= 1;
		return true;
	}
	uint32_t now_s = (uint32_t)(now / 1000) + 1;
	if (!own->noted_s || now_s - own->noted_s >= NOTED_EVERY_SECONDS) {
		own->noted_s = now_s;
		mosquitto_log_printf(MOSQ_LOG_WARNING,
			"Lamp %s exceeds %g messages a second; dropping the rest. To shut it out: lampi-cloud deprovision %s",
			username, rate, username);
	}
	return false;
}

bool begin_allowances(double most_at_once, double a_second)
{
	burst = most_at_once;
	rate = a_second;
	return make_room(now_ms());
}

void end_allowances(void)
{
	free(table);
	table = NULL;
	slots = used = 0;
}
