#include "admin/maildir.h"

#include "base/utf8.h"
#include "imap/wire/mutf7.h"

static const struct {
    char letter;
    const char *flag;
} letters[] = { /* in the order of letters: the specification asks for it */
                { 'D', "\\Draft" },    { 'F', "\\Flagged" }, { 'P', "$Forwarded" },
                { 'R', "\\Answered" }, { 'S', "\\Seen" },    { 'T', "\\Deleted" }
};

void maildir_keywords_parse(struct str file, struct maildir_keywords *out)
{
    *out = (struct maildir_keywords){ 0 };
    while (file.n) {
        struct str name, line = str_trim(str_cut(file, '\n', &file));
        uint64_t index;
        if (str_to_u64(str_cut(line, ' ', &name), MAILDIR_KEYWORDS_MAX - 1, &index) && name.n)
            out->names[index] = name;
    }
}

void maildir_keywords_format(const struct maildir_keywords *keywords, struct buf *out)
{
    for (unsigned i = 0; i < MAILDIR_KEYWORDS_MAX && keywords->names[i].n; i++)
        buf_printf(out, "%u " STR_FMT "\n", i, STR_ARG(keywords->names[i]));
}

void maildir_read_flags(struct str file_name, const struct maildir_keywords *keywords,
                        struct mailfile_message *message)
{
    ptrdiff_t info = str_find(file_name, STR(":2,"));
    if (info < 0)
        info = str_find(file_name, STR(";2,")); /* where ':' may not be in a name */
    for (size_t i = info < 0 ? file_name.n : (size_t)info + 3; i < file_name.n; i++) {
        char c = file_name.p[i];
        for (size_t k = 0; k < ARRAY_COUNT(letters); k++)
            if (letters[k].letter == c)
                mailfile_add_flag(message, str_c(letters[k].flag));
        if (c >= 'a' && c <= 'z' && keywords->names[c - 'a'].n)
            mailfile_add_flag(message, keywords->names[c - 'a']);
    }
}

bool maildir_is_wire_form(struct str file_name, uint64_t file_bytes)
{
    uint64_t wire_bytes;
    struct str field, rest = str_cut(file_name, ':', &(struct str){ 0 });
    str_cut(rest, ',', &rest);
    while (rest.n) {
        field = str_cut(rest, ',', &rest);
        if (str_starts(field, STR("W=")) && str_to_u64(str_skip(field, 2), UINT64_MAX, &wire_bytes))
            return wire_bytes == file_bytes;
    }
    return false;
}

/* Its letter, or 0 when there is none left. */
static char keyword_letter(struct maildir_keywords *keywords, struct str name)
{
    for (size_t i = 0; i < MAILDIR_KEYWORDS_MAX; i++) {
        if (!keywords->names[i].n)
            keywords->names[i] = name;
        if (str_eq_nocase(keywords->names[i], name))
            return (char)('a' + i);
    }
    return 0;
}

static bool has_own_letter(struct str flag)
{
    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        if (str_eq_nocase(flag, str_c(letters[i].flag)))
            return true;
    return false;
}

unsigned maildir_format_name(const struct mailfile_message *message, uint64_t uid, uint64_t file_bytes,
                             uint64_t wire_bytes, struct maildir_keywords *keywords, struct buf *out)
{
    bool used[MAILDIR_KEYWORDS_MAX] = { false };
    unsigned lost = 0;
    buf_printf(out, "%lld.U%llu.loft,S=%llu,W=%llu:2,", (long long)message->date_s, (unsigned long long)uid,
               (unsigned long long)file_bytes, (unsigned long long)wire_bytes);
    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        if (mailfile_has_flag(message, letters[i].flag))
            buf_add_char(out, letters[i].letter);
    for (size_t i = 0; i < message->flag_count; i++) {
        if (has_own_letter(message->flags[i]))
            continue;
        char letter = keyword_letter(keywords, message->flags[i]);
        if (letter)
            used[letter - 'a'] = true;
        else
            lost++;
    }
    for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++)
        if (used[i])
            buf_add_char(out, (char)('a' + i));
    return lost;
}

/* ---- folders ---- */

void maildir_read_folder(struct str folder_name, struct buf *out)
{
    struct str name = str_starts(folder_name, STR(".")) ? str_skip(folder_name, 1) : folder_name;
    struct buf decoded = BUF_INIT, path = BUF_INIT;
    do {
        mailfile_unescape(str_cut(name, '.', &name), &path);
        if (!str_is_nil(name))
            buf_add_char(&path, '/');
    } while (!str_is_nil(name));
    if (mutf7_decode(buf_str(&path), &decoded, NULL) < 0)
        utf8_sanitize(buf_str(&path), &decoded);
    buf_add(out, buf_str(&decoded));
    buf_deinit(&decoded);
    buf_deinit(&path);
}

void maildir_format_folder(struct str mailbox, struct buf *out)
{
    struct buf encoded = BUF_INIT;
    mutf7_encode(mailbox, &encoded);
    buf_add_char(out, '.');
    for (size_t i = 0; i < encoded.n; i++)
        if (encoded.p[i] == '/')
            buf_add_char(out, '.');
        else if (encoded.p[i] == '.')
            buf_add_lit(out, "\\2e");
        else if (encoded.p[i] == '\\')
            buf_add_lit(out, "\\5c");
        else
            buf_add_char(out, encoded.p[i]);
    buf_deinit(&encoded);
}
