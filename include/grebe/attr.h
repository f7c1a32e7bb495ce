/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/attr.h -- the macros public headers are written with. */
#ifndef GREBE_ATTR_H
#define GREBE_ATTR_H

#include <stddef.h>

#if defined(__GNUC__) || defined(__clang__)
#define GREBE_API               __attribute__((visibility("default")))
#define GREBE_MUST_CHECK        __attribute__((warn_unused_result))
#define GREBE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define GREBE_API
#define GREBE_MUST_CHECK
#define GREBE_PRINTF(fmt, args)
#endif

/* The object that holds `member` at address `ptr`: how a callback finds its own struct. */
#define grebe_container_of(ptr, type, member)                                            \
    ((type *)((char *)(ptr)-offsetof(type, member)))

#ifdef __cplusplus
#define GREBE_BEGIN_DECLS extern "C" {
#define GREBE_END_DECLS   }
#else
#define GREBE_BEGIN_DECLS
#define GREBE_END_DECLS
#endif

#endif
