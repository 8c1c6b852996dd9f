/*
 * google: the service account that Google's own tools would use: the file that
 * GOOGLE_APPLICATION_CREDENTIALS names, with GOOGLE_CLOUD_PROJECT (else the account's
 * own project) and GOOGLE_CLOUD_LOCATION ("global"). Not for loop threads. Credentials
 * of users, of machines and of other clouds are not followed.
 */
#ifndef CONFIG_GOOGLE_H
#define CONFIG_GOOGLE_H

#include "core/note.h"
#include "provider/jwt.h"

#define GOOGLE_FILE_MAX (64u << 10) /* bytes */

struct google {
	struct jwt_account account;
	char *project;	/* "" when nobody says */
	char *location; /* never "" */
};

/*
 * Finds the account; the caller frees it with google_done(). ERR_NOT_FOUND: there is
 * none that could be used, and the note says why; ERR_NOMEM. Untouched on failure.
 */
enum err google_find(struct google *ret_google, struct note *ret_why) MUST_CHECK;
void google_done(struct google *g);

/* Where Vertex AI is asked for models of Google's, at the end of `to`. */
void google_put_url(const struct google *g, struct buf *to);

#endif
