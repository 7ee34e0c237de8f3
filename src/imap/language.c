#include "imap/language.h"

#include "base/file.h"
#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONVERSIONS_MAX = 8 }; /* of one text */

/* "%s below %u": its literal pieces, one more than conversions. */
struct message {
    struct str pieces[CONVERSIONS_MAX + 1];
    bool is_number[CONVERSIONS_MAX];
    unsigned place[CONVERSIONS_MAX]; /* msgstr: which of the msgid's conversions stands here */
    unsigned conversions;
    size_t literal_bytes;
};

struct translation {
    struct message from, to;
};

struct language {
    char tag[LANGUAGE_TAG_BYTES_MAX + 1];
    struct buf file;           /* while it is read */
    struct arena arena;        /* of the texts */
    struct translation *texts; /* those with most literal bytes first: the closest match wins */
    size_t count, cap;
};

struct languages {
    struct language items[LANGUAGES_MAX];
    size_t count;
    const struct language *preferred;
};

/* ---- reading a catalogue ---- */

/* A conversion of printf behind '%', as "2$-5.3zu". False: it is none that we know. */
static bool take_conversion(struct str *rest, struct message *m, bool *is_percent)
{
    uint64_t place = m->conversions + 1;
    const char *p = rest->p, *end = str_end(*rest), *digits = p;
    *is_percent = p < end && *p == '%';
    if (*is_percent) {
        *rest = str_skip(*rest, 1);
        return true;
    }
    while (p < end && ascii_is_digit(*p))
        p++;
    if (p < end && *p == '$' && str_to_u64(str_make(digits, (size_t)(p - digits)), CONVERSIONS_MAX, &place))
        p++;
    else
        p = digits;
    while (p < end && strchr("-+ #0123456789.*hlzjt", *p))
        p++;
    if (p == end || !strchr("diuxXcs", *p) || place == 0 || m->conversions == CONVERSIONS_MAX)
        return false;
    m->is_number[m->conversions] = *p != 's' && *p != 'c';
    m->place[m->conversions] = (unsigned)place - 1;
    *rest = str_skip(*rest, (size_t)(p + 1 - rest->p));
    return true;
}

/* Cut a text at its conversions. "%%" is joined by copying into the arena. */
static bool cut_message(struct str text, struct arena *arena, struct message *out)
{
    struct buf piece = BUF_INIT;
    bool ok = true, is_percent;
    *out = (struct message){ 0 };
    while (ok && text.n) {
        char c = text.p[0];
        text = str_skip(text, 1);
        if (c != '%') {
            buf_add_char(&piece, c);
            continue;
        }
        ok = take_conversion(&text, out, &is_percent);
        if (ok && is_percent)
            buf_add_char(&piece, '%');
        else if (ok) {
            out->pieces[out->conversions++] = arena_dup(arena, buf_str(&piece));
            out->literal_bytes += piece.n;
            buf_clear(&piece);
        }
    }
    out->pieces[out->conversions] = arena_dup(arena, buf_str(&piece));
    out->literal_bytes += piece.n;
    buf_deinit(&piece);
    return ok;
}

static bool fits(const struct message *from, const struct message *to)
{
    for (unsigned i = 0; i < to->conversions; i++)
        if (to->place[i] >= from->conversions)
            return false;
    return true;
}

struct po_reader {
    const char *path;
    struct str rest;
    unsigned line;
    struct buf id, string; /* the entry so far */
    struct buf *current;   /* where continued lines go; NULL: what is passed over */
    bool fuzzy;
};

static int add_entry(struct language *l, struct po_reader *r, struct err *err)
{
    struct translation t;
    bool wanted = r->id.n && r->string.n && !r->fuzzy; /* an empty msgid is the file's header */
    if (wanted && l->count == LANGUAGE_TEXTS_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d texts", r->path, LANGUAGE_TEXTS_MAX);
    if (wanted && (!utf8_is_valid(buf_str(&r->string)) || !cut_message(buf_str(&r->id), &l->arena, &t.from) ||
                   !cut_message(buf_str(&r->string), &l->arena, &t.to) || !fits(&t.from, &t.to)))
        return err_set(err, ERR_SYNTAX, "%s, line %u: conversions of msgid and msgstr do not agree", r->path,
                       r->line);
    if (wanted) {
        l->texts = arena_grow(&l->arena, l->texts, l->count, &l->cap, sizeof t);
        l->texts[l->count++] = t;
    }
    buf_clear(&r->id);
    buf_clear(&r->string);
    r->current = NULL;
    r->fuzzy = false;
    return 0;
}

/* "..." with the escapes of C that texts have. */
static bool add_quoted(struct str line, struct buf *out)
{
    line = str_trim(line);
    if (line.n < 2 || line.p[0] != '"' || line.p[line.n - 1] != '"')
        return false;
    line = str_sub(line, 1, line.n - 2);
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (c == '"' || (c == '\\' && ++i == line.n))
            return false;
        if (c == '\\')
            c = line.p[i] == 'n' ? '\n' : line.p[i] == 't' ? '\t' : line.p[i];
        buf_add_char(out, c);
    }
    return true;
}

static int read_line(struct language *l, struct po_reader *r, struct str line, struct err *err)
{
    int done = 0;
    if (r->current == &r->string && !str_starts(line, STR("\""))) /* the entry is whole */
        done = add_entry(l, r, err);
    if (str_starts(line, STR("#,")) && str_find(line, STR("fuzzy")) >= 0)
        r->fuzzy = true;
    if (done < 0 || line.n == 0 || line.p[0] == '#')
        return done;
    if (str_starts(line, STR("msgid "))) {
        r->current = &r->id;
        line = str_skip(line, 6);
    } else if (str_starts(line, STR("msgstr ")) && r->current == &r->id) {
        r->current = &r->string;
        line = str_skip(line, 7);
    }
    if (!r->current || !add_quoted(line, r->current))
        return err_set(err, ERR_SYNTAX, "%s, line %u: expected msgid \"...\", msgstr \"...\" or \"...\"",
                       r->path, r->line);
    return 0;
}

static int by_literal_bytes(const void *a, const void *b)
{
    size_t x = ((const struct translation *)a)->from.literal_bytes;
    size_t y = ((const struct translation *)b)->from.literal_bytes;
    return (x < y) - (x > y);
}

static int read_catalogue(const char *path, struct language *l, struct err *err)
{
    int r = file_read(path, LANGUAGE_FILE_BYTES_MAX, &l->file, err);
    struct po_reader reader = { .path = path, .rest = buf_str(&l->file) };
    while (r == 0 && reader.rest.n) {
        reader.line++;
        r = read_line(l, &reader, str_trim(str_cut(reader.rest, '\n', &reader.rest)), err);
    }
    if (r == 0)
        r = add_entry(l, &reader, err);
    buf_deinit(&reader.id);
    buf_deinit(&reader.string);
    buf_deinit(&l->file);
    if (r == 0 && l->count)
        qsort(l->texts, l->count, sizeof *l->texts, by_literal_bytes);
    return r;
}

/* ---- all of them ---- */

static struct language *add_language(struct languages *all, struct str tag)
{
    struct language *l = &all->items[all->count++];
    memcpy(l->tag, tag.p, tag.n);
    return l;
}

/* "de.po", "pt-BR.po": the tag, or NIL. */
static struct str tag_of_file(const char *name)
{
    struct str s = str_c(name);
    if (s.n < 4 || !str_eq(str_skip(s, s.n - 3), STR(".po")) || s.n - 3 > LANGUAGE_TAG_BYTES_MAX)
        return STR_NIL;
    s.n -= 3;
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]) && s.p[i] != '-' &&
            !(ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z'))
            return STR_NIL;
    return s;
}

static int read_folder(const char *folder, struct languages *all, struct err *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int r = 0;
    if (!dir && errno == ENOENT)
        return 0;
    if (!dir)
        return err_set_errno(err, errno, "cannot read %s", folder);
    while (r == 0 && (entry = readdir(dir))) {
        struct str tag = tag_of_file(entry->d_name);
        char path[4096];
        if (str_is_nil(tag))
            continue;
        if (all->count == LANGUAGES_MAX)
            r = err_set(err, ERR_LIMIT, "%s: more than %d languages", folder, LANGUAGES_MAX);
        else if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path)
            r = err_set(err, ERR_LIMIT, "%s: path too long", folder);
        else
            r = read_catalogue(path, add_language(all, tag), err);
    }
    closedir(dir);
    return r;
}

int languages_load(const char *folder, const char *preferred, struct languages **languages_out,
                   struct err *err)
{
    struct languages *all = calloc(1, sizeof *all);
    if (!all)
        abort();
    add_language(all, STR("i-default"));
    add_language(all, STR("en"));
    int r = *folder ? read_folder(folder, all, err) : 0;
    all->preferred = r == 0 ? languages_find(all, str_c(preferred)) : NULL;
    if (r == 0 && !all->preferred)
        r = err_set(err, ERR_NOT_FOUND, "no texts in the language \"%s\"", preferred);
    if (r < 0) {
        languages_free(&all);
        return r;
    }
    *languages_out = all;
    return 0;
}

void languages_free(struct languages **languages)
{
    if (!*languages)
        return;
    for (size_t i = 0; i < (*languages)->count; i++)
        arena_deinit(&(*languages)->items[i].arena);
    free(*languages);
    *languages = NULL;
}

bool languages_has_catalogue(const struct languages *all)
{
    return all->count > 2;
}

static const struct language *find_tag(const struct languages *all, struct str tag)
{
    for (size_t i = 0; i < all->count; i++)
        if (str_eq_nocase(str_c(all->items[i].tag), tag))
            return &all->items[i];
    return NULL;
}

const struct language *languages_find(const struct languages *all, struct str range)
{
    if (all->preferred && str_eq_nocase(range, STR("default")))
        return all->preferred;
    while (range.n) {
        const struct language *found = find_tag(all, range);
        if (found)
            return found;
        ptrdiff_t dash = str_rfind_char(range, '-');
        range.n = dash < 0 ? 0 : (size_t)dash;
        if (range.n >= 2 &&
            range.p[range.n - 2] == '-') /* RFC 4647, 3.4: a subtag of one letter goes with it */
            range.n -= 2;
    }
    return NULL;
}

struct str languages_tag(const struct languages *all, size_t i)
{
    return i < all->count ? str_c(all->items[i].tag) : STR_NIL;
}

struct str language_tag(const struct language *language)
{
    return str_c(language->tag);
}

/* ---- translating ---- */

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]) && !(i == 0 && s.p[i] == '-'))
            return false;
    return s.n > 0;
}

/* Is `text` what this msgid's format makes? Each conversion takes as little as it can, the last all that is left. */
static bool match(const struct message *m, struct str text, struct str *taken)
{
    if (!str_starts(text, m->pieces[0]))
        return false;
    text = str_skip(text, m->pieces[0].n);
    for (unsigned i = 0; i < m->conversions; i++) {
        struct str next = m->pieces[i + 1];
        bool last = i + 1 == m->conversions;
        ptrdiff_t at = last ? (ptrdiff_t)text.n - (ptrdiff_t)next.n : str_find(text, next);
        if (at < 0 || !str_eq(str_sub(text, (size_t)at, next.n), next))
            return false;
        taken[i] = str_sub(text, 0, (size_t)at);
        if (m->is_number[i] && !is_number(taken[i]))
            return false;
        text = str_skip(text, (size_t)at + next.n);
    }
    return text.n == 0;
}

void language_translate(const struct language *l, struct str text, struct buf *out)
{
    struct str taken[CONVERSIONS_MAX];
    for (size_t i = 0; i < l->count; i++) {
        const struct message *to = &l->texts[i].to;
        if (!match(&l->texts[i].from, text, taken))
            continue;
        buf_add(out, to->pieces[0]);
        for (unsigned k = 0; k < to->conversions; k++) {
            buf_add(out, taken[to->place[k]]);
            buf_add(out, to->pieces[k + 1]);
        }
        return;
    }
    buf_add(out, text);
}
