/*
 * learn: how long the answers are that a key gets from a model, for the guess of
 * what the next one will cost. A fixed table that any thread may read and write;
 * two pairs that fall into one place share what is learnt, which is only a
 * worse guess.
 */
#ifndef ROUTE_LEARN_H
#define ROUTE_LEARN_H

#include "core/slice.h"

/* Remembers an answer's tokens. */
void learn_answer(uint64_t key_id, struct slice model, uint64_t out_tok);

/* The expected tokens of an answer; 0: nothing learnt yet. */
uint64_t learn_expected(uint64_t key_id, struct slice model);

#endif
