/* extractor_private.h: what the files behind extractor.h share. Nobody else includes it. */
#ifndef LOFT_MAIL_EXTRACTOR_PRIVATE_H
#define LOFT_MAIL_EXTRACTOR_PRIVATE_H

#include <stdbool.h>

/* Hold this process, and all that it starts, to the files that a program for attachments may see, by Landlock. For the
 * child between fork and exec: takes no lock, no memory. True as well when the kernel has no Landlock. */
bool extractor_hold_files(const char *program);

#endif
