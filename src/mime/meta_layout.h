/* meta_layout.h: what the writer (meta.c) and the readers (meta_view.c) of records share. Nobody else
 * includes it.
 *
 * Part table: the parts of structure.h without parts[0], parents first. Of each:
 *   u8 bits: kind (2), transfer (2), then enum part_bit
 *   u8 charset                   text parts only
 *   varint header offset (in the message), header bytes, body bytes, lines; the body follows the header at
 *   once
 *   varint children, u32 bytes that their entries take     multipart and message only */
#ifndef LOFT_MIME_META_LAYOUT_H
#define LOFT_MIME_META_LAYOUT_H

#include "mime/meta.h"

enum { META_HEAD_BYTES = 68 };

enum part_bit { PART_BIT_HTML = 1u << 4, PART_BIT_ATTACHED = 1u << 5, PART_BIT_BLANK = 1u << 6 };

enum meta_small {
    META_SUBJECT,
    META_FROM,
    META_TO,
    META_CC,
    META_DISPLAY_FROM,
    META_DISPLAY_TO,
    META_PREVIEW,
    META_IN_REPLY_TO,
    META_REFERENCES,
    META_SMALL_COUNT
};

enum { KEPT_OTHER = 255, KEPT_NONE = -1, KEPT_FIELDS_MAX = 255, KEPT_ENTRY_BYTES = 3 };

/* Which of the fields in the header record it is: its place in kept_names, KEPT_OTHER or KEPT_NONE. */
int meta_kept_field(struct str name);

#endif
