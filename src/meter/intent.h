/*
 * intent: what is written down before the first byte of a request goes to a provider:
 * enough for a row of the ledger, should weir not live to write the real one.
 */
#ifndef METER_INTENT_H
#define METER_INTENT_H

#include "core/buf.h"
#include "meter/row.h"

enum intent_text {
	INTENT_KEY, /* as the texts of a row */
	INTENT_ASKED,
	INTENT_MODEL,
	INTENT_PROVIDER,
	INTENT_UPSTREAM,
	INTENT_OPERATION,
	INTENT_USER,
	INTENT_TEAM,
	INTENT_ORGANISATION,
	INTENT_SESSION,
	INTENT_TAGS,
	INTENT_ATTEMPTS, /* those before this one; empty: none */
	INTENT_TEXTS
};

/* Of the newest attempt; a later one of the same id takes the place of the earlier. */
struct meter_intent {
	struct request_id id;
	uint64_t start_ms; /* unix */
	uint64_t key_id;
	int64_t reserved_pusd;		/* PRICE_UNKNOWN when nobody knows the price */
	uint64_t input_tok, output_tok; /* that the amount is made of */
	uint8_t attempts;		/* this one included */
	bool stream;
	struct slice text[INTENT_TEXTS]; /* borrowed */
};

/* Bytes of its record; at most METER_RECORD_MAX. */
size_t meter_intent_bytes(const struct meter_intent *intent);

/* Writes the record; `to` has room for meter_intent_bytes(). */
void meter_intent_write(const struct meter_intent *intent, char *to);

/* Reads a record that fills the bytes, which the intent borrows. False for others. */
bool meter_intent_read(struct slice bytes, struct meter_intent *ret_intent);

/*
 * The row of a request that was never settled: INTERRUPTED, at the reserved amount,
 * partial and estimated. It borrows the intent's texts, and `attempts`, where its list
 * of attempts is written.
 */
struct meter_row
meter_interrupted(const struct meter_intent *intent, struct buf *attempts);

#endif
