/* SPDX-License-Identifier: Apache-2.0 */
/* sanitizer.h -- whether AddressSanitizer looks on. */
#ifndef TORTURE_SANITIZER_H
#define TORTURE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif

#endif
