/*
 * notify: tells systemd how far we are (Type=notify), by the socket that it names
 * in NOTIFY_SOCKET. Without one nothing happens.
 */
#ifndef MAIN_NOTIFY_H
#define MAIN_NOTIFY_H

/* "READY=1", "RELOADING=1", "STOPPING=1" */
void notify(const char *state);

#endif
