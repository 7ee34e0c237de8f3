/* The names of FETCH items as the answer tells them: fetch_args.h. */
#include "imap/wire/fetch_args.h"
#include "imap/wire/writer.h"

/* clang-format off */
static const struct name_row {
    enum fetch_item item;
    struct str name;
} name_rows[] = {
    { FETCH_UID,           STR_INIT("UID")           },
    { FETCH_FLAGS,         STR_INIT("FLAGS")         },
    { FETCH_INTERNALDATE,  STR_INIT("INTERNALDATE")  },
    { FETCH_RFC822_SIZE,   STR_INIT("RFC822.SIZE")   },
    { FETCH_ENVELOPE,      STR_INIT("ENVELOPE")      },
    { FETCH_BODYSTRUCTURE, STR_INIT("BODYSTRUCTURE") },
    { FETCH_BODY,          STR_INIT("BODY")          },
    { FETCH_MODSEQ,        STR_INIT("MODSEQ")        },
    { FETCH_EMAILID,       STR_INIT("EMAILID")       },
    { FETCH_THREADID,      STR_INIT("THREADID")      },
    { FETCH_SAVEDATE,      STR_INIT("SAVEDATE")      },
    { FETCH_PREVIEW,       STR_INIT("PREVIEW")       },
    { FETCH_SECTION,       STR_INIT("BODY")          },
    { FETCH_BINARY,        STR_INIT("BINARY")        },
    { FETCH_BINARY_SIZE,   STR_INIT("BINARY.SIZE")   },
    { FETCH_RFC822,        STR_INIT("RFC822")        },
    { FETCH_RFC822_HEADER, STR_INIT("RFC822.HEADER") },
    { FETCH_RFC822_TEXT,   STR_INIT("RFC822.TEXT")   },
};
/* clang-format on */

static const struct str text_names[] = {
    [TEXT_ALL] = STR_INIT(""),
    [TEXT_HEADER] = STR_INIT("HEADER"),
    [TEXT_HEADER_FIELDS] = STR_INIT("HEADER.FIELDS"),
    [TEXT_HEADER_FIELDS_NOT] = STR_INIT("HEADER.FIELDS.NOT"),
    [TEXT_BODY] = STR_INIT("TEXT"),
    [TEXT_MIME] = STR_INIT("MIME"),
};

static void write_section(const struct fetch_section *section, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < section->part_count; i++) {
        if (i)
            buf_add_char(out, '.');
        buf_add_u64(out, section->parts[i]);
    }
    if (section->part_count && section->text != TEXT_ALL)
        buf_add_char(out, '.');
    buf_add(out, text_names[section->text]);
    for (size_t i = 0; i < section->field_count; i++) {
        buf_add(out, i ? STR(" ") : STR(" ("));
        write_astring(out, section->fields[i], false);
    }
    buf_add(out, section->field_count ? STR(")]") : STR("]"));
}

void fetch_att_write_name(const struct fetch_att *att, struct buf *out)
{
    if (!str_is_nil(att->told)) {
        buf_add(out, att->told);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(name_rows); i++)
        if (name_rows[i].item == att->item)
            buf_add(out, name_rows[i].name);
    if (att->item & (FETCH_SECTION | FETCH_BINARY | FETCH_BINARY_SIZE))
        write_section(&att->section, out);
    if (att->has_partial) {
        buf_add_char(out, '<');
        /* The answer tells where it begins, not how long it was to be: RFC 9051, 7.5.2. */
        buf_add_u64(out, att->offset);
        buf_add_char(out, '>');
    }
}

void fetch_att_make_name(struct fetch_att *att, struct arena *arena)
{
    struct buf name = BUF_INIT;
    att->told = STR_NIL;
    fetch_att_write_name(att, &name);
    att->told = arena_dup(arena, buf_str(&name));
    buf_deinit(&name);
}
