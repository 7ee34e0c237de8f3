/* attr.h: the few compiler attributes that our signatures use. */
#ifndef LOFT_BASE_ATTR_H
#define LOFT_BASE_ATTR_H

#define MUST_USE                __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_COUNT(a)          (sizeof(a) / sizeof((a)[0]))

#endif
