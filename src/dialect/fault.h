/*
 * fault: which error a provider's reply is, by its status and its words. Hosts of all
 * dialects word errors in so many ways that one reader takes them all. For dialect/
 * only.
 */
#ifndef DIALECT_FAULT_H
#define DIALECT_FAULT_H

#include "dialect/dialect.h"

/* See struct dialect, read_fault. */
enum err
fault_read(unsigned status, const struct json *j, struct fault *ret_fault) MUST_CHECK;

/* The error of that status and those words. */
enum err fault_kind(unsigned status, const struct fault *f) MUST_CHECK;

#endif
