/* version: the release, in one place. */
#ifndef CORE_VERSION_H
#define CORE_VERSION_H

#define WEIR_VERSION "0.1.0"

#endif
