/*
 * wide: 128-bit integers, for products that must not overflow. An extension of
 * gcc and clang, named once here.
 */
#ifndef CORE_WIDE_H
#define CORE_WIDE_H

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

#endif
