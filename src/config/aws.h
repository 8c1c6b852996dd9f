/*
 * aws: where the access key for AWS is, as its own tools look for it: the variables
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else the profile
 * AWS_PROFILE ("default") in ~/.aws/credentials, else that in ~/.aws/config
 * (AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name other files). Not for loop
 * threads. Roles to be assumed, sign-on and programs that give keys are not followed.
 */
#ifndef CONFIG_AWS_H
#define CONFIG_AWS_H

#include "core/note.h"
#include "http/sigv4.h"

#define AWS_FILE_MAX (1u << 20) /* bytes */

struct aws {
	struct sigv4_credentials key;
	char *region; /* of AWS_REGION, AWS_DEFAULT_REGION or the profile; NULL: none */
};

/*
 * Finds the key and the region; the caller frees them with aws_done(). ERR_NOT_FOUND:
 * there is no key, and the note says what to do; ERR_NOMEM. Untouched on failure.
 */
enum err aws_find(struct aws *ret_aws, struct note *ret_why) MUST_CHECK;
void aws_done(struct aws *a);

/*
 * What the profile says for a key in the text of such a file: a slice of it, empty
 * when it says nothing. Of several the last counts. Sections are named "[name]" or
 * "[profile name]".
 */
struct slice aws_value(struct slice text, struct slice profile, struct slice key);

#endif
