#include "index/posting.h"

#include "base/codec.h"

#include <stdlib.h>

enum posting_kind { KIND_VARINTS, KIND_RICE, KIND_BITS, KIND_RUN };
enum { RICE_BITS_MAX = 31 };

static void need(struct posting_list *list, size_t count)
{
    if (count <= list->cap)
        return;
    list->cap = count * 2;
    list->numbers = realloc(list->numbers, list->cap * sizeof *list->numbers);
    if (!list->numbers)
        abort();
}

void posting_list_deinit(struct posting_list *list)
{
    free(list->numbers);
    *list = (struct posting_list){ 0 };
}

void posting_list_add(struct posting_list *list, uint32_t number)
{
    need(list, list->count + 1);
    list->numbers[list->count++] = number;
}

/* The next set of fields of `used`, which is taken out; -1: none is left. */
static int take_fields(uint64_t used[POSTING_FIELD_SETS / 64])
{
    for (int i = 0; i < POSTING_FIELD_SETS / 64; i++)
        if (used[i]) {
            int fields = 64 * i + __builtin_ctzll(used[i]);
            used[i] &= used[i] - 1;
            return fields;
        }
    return -1;
}

void posting_lists_clear(struct posting_lists *lists)
{
    for (int fields; (fields = take_fields(lists->used)) >= 0;)
        lists->of[fields].count = 0;
}

void posting_lists_deinit(struct posting_lists *lists)
{
    for (int i = 0; i < POSTING_FIELD_SETS; i++)
        posting_list_deinit(&lists->of[i]);
}

void posting_lists_add(struct posting_lists *lists, unsigned fields, uint32_t document)
{
    lists->used[fields / 64] |= UINT64_C(1) << (fields % 64);
    posting_list_add(&lists->of[fields], document);
}

/* ---- writing ---- */

static size_t varint_bytes(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

static uint64_t rice_bits(const uint32_t *numbers, size_t count, unsigned k)
{
    uint64_t bits = 0;
    for (size_t i = 1; i < count; i++)
        bits += ((numbers[i] - numbers[i - 1] - 1) >> k) + 1 + k;
    return bits;
}

/* The k that makes the quotients about one bit long. */
static unsigned rice_parameter(const uint32_t *numbers, size_t count)
{
    uint64_t mean = (numbers[count - 1] - numbers[0] - (count - 1)) * 7 / (10 * (count - 1));
    return mean < 1 ? 0 : 63u - (unsigned)__builtin_clzll(mean);
}

static void put_rice(const uint32_t *numbers, size_t count, unsigned k, struct buf *out)
{
    uint64_t bits = 0;
    unsigned n = 0;
    buf_put_u8(out, (uint8_t)k);
    for (size_t i = 1; i < count; i++) {
        uint32_t gap = numbers[i] - numbers[i - 1] - 1, quotient = gap >> k;
        for (; quotient >= 16; quotient -= 16) {
            bits |= UINT64_C(0xffff) << n;
            for (n += 16; n >= 8; n -= 8, bits >>= 8)
                buf_add_char(out, (char)bits);
        }
        bits |= ((UINT64_C(1) << quotient) - 1) << n;
        n += quotient + 1;
        bits |= (uint64_t)(gap & ((UINT64_C(1) << k) - 1)) << n;
        for (n += k; n >= 8; n -= 8, bits >>= 8)
            buf_add_char(out, (char)bits);
    }
    if (n > 0)
        buf_add_char(out, (char)bits);
}

static void put_bits(const uint32_t *numbers, size_t count, struct buf *out)
{
    size_t bytes = (numbers[count - 1] - numbers[0] + 7) / 8;
    char *to = buf_reserve(out, bytes);
    memset(to, 0, bytes);
    for (size_t i = 1; i < count; i++) {
        uint32_t bit = numbers[i] - numbers[0] - 1;
        to[bit / 8] = (char)(to[bit / 8] | 1 << (bit % 8));
    }
    out->n += bytes;
}

static void encode_numbers(const uint32_t *numbers, size_t count, unsigned fields, bool more, struct buf *out)
{
    size_t varints = 0, bits = (numbers[count - 1] - numbers[0] + 7) / 8, first = varint_bytes(numbers[0]),
           rest = 0;
    enum posting_kind kind = KIND_RUN;
    unsigned k = 0;
    if (numbers[count - 1] - numbers[0] != count - 1) {
        k = rice_parameter(numbers, count);
        size_t rice = 1 + (size_t)((rice_bits(numbers, count, k) + 7) / 8);
        for (size_t i = 1; i < count; i++)
            varints += varint_bytes(numbers[i] - numbers[i - 1] - 1);
        kind = varints <= rice && varints <= bits ? KIND_VARINTS : rice < bits ? KIND_RICE : KIND_BITS;
        rest = kind == KIND_VARINTS ? varints : kind == KIND_RICE ? rice : bits;
    }
    buf_put_u8(out, (uint8_t)(fields | (more ? POSTING_MORE : 0)));
    buf_put_varint(out, (count - 1) * 4 + kind);
    if (more)
        buf_put_varint(out, first + rest);
    buf_put_varint(out, numbers[0]);
    if (kind == KIND_VARINTS)
        for (size_t i = 1; i < count; i++)
            buf_put_varint(out, numbers[i] - numbers[i - 1] - 1);
    else if (kind == KIND_RICE)
        put_rice(numbers, count, k, out);
    else if (kind == KIND_BITS)
        put_bits(numbers, count, out);
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

void posting_encode(struct posting_lists *lists, struct buf *out)
{
    uint64_t todo[POSTING_FIELD_SETS / 64];
    memcpy(todo, lists->used, sizeof todo);
    for (int fields; (fields = take_fields(todo)) >= 0;) {
        struct posting_list *list = &lists->of[fields];
        for (size_t i = 1; i < list->count; i++)
            if (list->numbers[i] < list->numbers[i - 1]) {
                qsort(list->numbers, list->count, sizeof *list->numbers, compare_numbers);
                break;
            }
        encode_numbers(list->numbers, list->count, (unsigned)fields, (todo[0] | todo[1]) != 0, out);
    }
}

/* ---- reading ---- */

static bool get_varints(struct reader *r, uint32_t universe, uint32_t *numbers, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t gap = reader_varint(r);
        if (r->bad || gap >= universe - numbers[i - 1] - 1)
            return false;
        numbers[i] = numbers[i - 1] + (uint32_t)gap + 1;
    }
    return true;
}

struct bit_reader {
    struct reader *r;
    uint64_t bits;
    unsigned n;
};

static void fill_bits(struct bit_reader *b)
{
    for (; b->n <= 56 && b->r->p < b->r->end; b->n += 8)
        b->bits |= (uint64_t)*b->r->p++ << b->n;
}

/* Ones before the next zero, which is taken too; -1: none comes. */
static int64_t get_unary(struct bit_reader *b, uint64_t max)
{
    for (uint64_t before = 0;;) {
        fill_bits(b);
        unsigned ones = ~b->bits ? (unsigned)__builtin_ctzll(~b->bits) : 64;
        if (ones < b->n) {
            b->bits = b->bits >> ones >> 1;
            b->n -= ones + 1;
            return (int64_t)(before + ones);
        }
        before += b->n;
        if (b->n == 0 || before > max)
            return -1;
        b->bits = 0;
        b->n = 0;
    }
}

static bool get_rice(struct reader *r, uint32_t universe, uint32_t *numbers, size_t count)
{
    struct bit_reader b = { .r = r };
    unsigned k = reader_u8(r);
    if (r->bad || k > RICE_BITS_MAX)
        return false;
    for (size_t i = 1; i < count; i++) {
        int64_t quotient = get_unary(&b, universe);
        fill_bits(&b);
        if (quotient < 0 || b.n < k)
            return false;
        uint64_t gap = (uint64_t)quotient << k | (b.bits & ((UINT64_C(1) << k) - 1));
        b.bits >>= k;
        b.n -= k;
        if (gap >= universe - numbers[i - 1] - 1)
            return false;
        numbers[i] = numbers[i - 1] + (uint32_t)gap + 1;
    }
    return true;
}

static bool get_bits(struct reader *r, uint32_t universe, uint32_t *numbers, size_t count)
{
    uint64_t base = (uint64_t)numbers[0] + 1;
    for (size_t i = 1; i < count; base += 8) {
        unsigned byte = reader_u8(r);
        if (r->bad || base > universe)
            return false;
        for (; byte && i < count; byte &= byte - 1)
            numbers[i++] = (uint32_t)base + (uint32_t)__builtin_ctz(byte);
        if (byte)
            return false;
    }
    return numbers[count - 1] < universe;
}

static bool get_run(uint32_t universe, uint32_t *numbers, size_t count)
{
    if (count > universe - numbers[0])
        return false;
    for (size_t i = 1; i < count; i++)
        numbers[i] = numbers[0] + (uint32_t)i;
    return true;
}

static bool get_numbers(struct reader *r, enum posting_kind kind, uint32_t universe, uint32_t *numbers,
                        size_t count)
{
    uint64_t first = reader_varint(r);
    if (r->bad || first >= universe)
        return false;
    numbers[0] = (uint32_t)first;
    switch (kind) {
    case KIND_VARINTS:
        return get_varints(r, universe, numbers, count);
    case KIND_RICE:
        return get_rice(r, universe, numbers, count);
    case KIND_BITS:
        return get_bits(r, universe, numbers, count);
    case KIND_RUN:
        return get_run(universe, numbers, count);
    }
    return false;
}

int posting_next(struct str *bytes, uint32_t universe, unsigned wanted, struct posting_list *list,
                 unsigned *fields_out, struct err *err)
{
    while (bytes->n > 0) {
        struct reader r = reader_make(*bytes), numbers;
        unsigned fields = reader_u8(&r);
        uint64_t head = reader_varint(&r), count = head / 4 + 1;
        bool more = fields & POSTING_MORE;
        numbers = reader_make(reader_bytes(&r, more ? (size_t)reader_varint(&r) : reader_left(&r)));
        fields &= ~(unsigned)POSTING_MORE;
        if (r.bad || fields == 0 || count > universe || more == (reader_left(&r) == 0))
            return err_set(err, ERR_CORRUPT, "index: a list of documents is damaged");
        *bytes = str_make(r.p, reader_left(&r));
        if (!(fields & wanted))
            continue;
        need(list, (size_t)count);
        list->count = (size_t)count;
        if (!get_numbers(&numbers, head % 4, universe, list->numbers, (size_t)count))
            return err_set(err, ERR_CORRUPT, "index: a list of documents is damaged");
        *fields_out = fields;
        return 1;
    }
    return 0;
}
