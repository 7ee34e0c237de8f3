#include "mail/incoming.h"

#include "base/file.h"
#include "mime/meta.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { USUAL_BYTES = 56 * 1024 }; /* room for most messages when nobody says how many bytes come */

struct incoming {
    struct mail *mail;
    uint64_t bytes_max, size, expected;
    struct buf memory; /* all of it, while fd is -1; laid out as the file is */
    int fd;            /* INCOMING_PREFIX_BYTES_MAX left free for a prefix, then the bytes */
    void *map;         /* of the file's first map_bytes; NULL: not mapped */
    size_t map_bytes;
    struct err failed; /* kind other than ERR_NONE: stays */
};

struct incoming *incoming_new(struct mail *mail, uint64_t bytes_max)
{
    struct incoming *in = calloc(1, sizeof *in);
    if (!in)
        abort();
    in->mail = mail;
    in->bytes_max = bytes_max ? bytes_max : mail_options(mail)->message_bytes_max;
    in->fd = -1;
    return in;
}

void incoming_expect(struct incoming *in, uint64_t bytes)
{
    in->expected = bytes;
}

static void unmap(struct incoming *in)
{
    if (in->map)
        munmap(in->map, in->map_bytes);
    in->map = NULL;
}

/* The bytes are of no use any more. */
static void drop_bytes(struct incoming *in)
{
    unmap(in);
    buf_deinit(&in->memory);
    if (in->fd >= 0)
        close(in->fd);
    in->fd = -1;
}

void incoming_free(struct incoming **in)
{
    if (!*in)
        return;
    drop_bytes(*in);
    free(*in);
    *in = NULL;
}

/* Its bytes, while they are in memory. */
static struct str in_memory(const struct incoming *in)
{
    return str_skip(buf_str(&in->memory), INCOMING_PREFIX_BYTES_MAX);
}

static void to_memory(struct incoming *in, struct str bytes)
{
    if (in->memory.n == 0) { /* what is not touched of it costs no memory */
        size_t room = in->expected > 0 && in->expected < INCOMING_MEMORY_BYTES ? (size_t)in->expected
                                                                               : USUAL_BYTES;
        buf_reserve(&in->memory, INCOMING_PREFIX_BYTES_MAX + (room > bytes.n ? room : bytes.n));
        in->memory.n = INCOMING_PREFIX_BYTES_MAX;
    }
    buf_add(&in->memory, bytes);
}

static int to_file(struct incoming *in, struct err *err)
{
    int fd = file_open_unnamed(mail_options(in->mail)->spool_folder, err);
    if (fd < 0)
        return fd;
    in->fd = fd;
    if (lseek(fd, INCOMING_PREFIX_BYTES_MAX, SEEK_SET) < 0)
        return err_set_errno(err, errno, "position in a spool file");
    int r = file_write(fd, in_memory(in), err);
    buf_deinit(&in->memory);
    return r;
}

static int add(struct incoming *in, struct str bytes, struct err *err)
{
    if (bytes.n > in->bytes_max - in->size)
        return err_set(err, ERR_LIMIT, "message is larger than %llu bytes",
                       (unsigned long long)in->bytes_max);
    if (in->fd < 0 && in->size + bytes.n > INCOMING_MEMORY_BYTES) {
        int r = to_file(in, err);
        if (r < 0)
            return r;
    }
    if (in->fd >= 0)
        return file_write(in->fd, bytes, err);
    to_memory(in, bytes);
    return 0;
}

static int fail_again(const struct incoming *in, struct err *err)
{
    if (err)
        *err = in->failed;
    return -(int)in->failed.kind;
}

int incoming_write(struct incoming *in, struct str bytes, struct err *err)
{
    if (in->failed.kind == ERR_NONE && bytes.n > 0) {
        unmap(in);
        if (add(in, bytes, &in->failed) < 0)
            drop_bytes(in);
        else
            in->size += bytes.n;
    }
    return in->failed.kind == ERR_NONE ? 0 : fail_again(in, err);
}

uint64_t incoming_size(const struct incoming *in)
{
    return in->size;
}

static size_t file_bytes(const struct incoming *in)
{
    return INCOMING_PREFIX_BYTES_MAX + in->size;
}

/* A mapping of the whole file. What is written to it stays in this mapping. */
static int map_file(const struct incoming *in, int protection, void **map_out, struct err *err)
{
    void *map = mmap(NULL, file_bytes(in), protection, MAP_PRIVATE, in->fd, 0);
    if (map == MAP_FAILED)
        return err_set_errno(err, errno, "map a spooled message of %llu bytes", (unsigned long long)in->size);
    *map_out = map;
    return 0;
}

int incoming_bytes(struct incoming *in, struct str *bytes_out, struct err *err)
{
    if (in->failed.kind != ERR_NONE)
        return fail_again(in, err);
    if (in->fd < 0) {
        *bytes_out = in_memory(in);
        return 0;
    }
    if (!in->map) {
        int r = map_file(in, PROT_READ, &in->map, err);
        if (r < 0)
            return r;
        in->map_bytes = file_bytes(in);
    }
    *bytes_out = str_make((char *)in->map + INCOMING_PREFIX_BYTES_MAX, in->size);
    return 0;
}

/* ---- becoming a blob ---- */

/* Nearest first: what it replies to, then its references from the newest to the oldest. */
static void take_references(const struct meta_view *meta, struct new_message *message)
{
    size_t count = 0;

    for (size_t i = 0; i < meta->in_reply_to_count && count < THREAD_REFERENCES_MAX; i++)
        message->references[count++] = meta_in_reply_to(meta, i);
    for (size_t i = meta->reference_count; i > 0 && count < THREAD_REFERENCES_MAX; i--)
        message->references[count++] = meta_reference(meta, i - 1);
    message->reference_count = count;
}

static int prepare(struct account *account, struct str bytes, struct new_message *message_out,
                   struct err *err)
{
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct meta_view view;
    struct blob_id blob = { 0 };

    int r = mime_meta_build(bytes, NULL, &meta, &header, err);
    if (r == 0)
        r = mime_meta_view(buf_str(&meta), &view, err);
    if (r == 0)
        r = store_blob_write(mail_options(account_mail(account))->store, account_id(account), bytes,
                             buf_str(&meta), buf_str(&header), &blob, err);
    if (r == 0) {
        message_out->blob = blob;
        message_out->size_bytes = (uint32_t)bytes.n;
        message_out->message_id_hash = view.message_id_hash;
        message_out->has_attachment = view.flags & META_HAS_ATTACHMENT;
        take_references(&view, message_out);
    }
    buf_deinit(&meta);
    buf_deinit(&header);
    return r;
}

/* `base` is where the room for the prefix begins. */
static int prepare_with(const struct incoming *in, char *base, struct account *account, struct str prefix,
                        struct new_message *message_out, struct err *err)
{
    char *start = base + INCOMING_PREFIX_BYTES_MAX - prefix.n;
    memcpy(start, prefix.p, prefix.n);
    return prepare(account, str_make(start, prefix.n + in->size), message_out, err);
}

/* A large one: the prefix goes into a mapping of its own, so that the file stays as it is. */
static int prepare_mapped(const struct incoming *in, struct account *account, struct str prefix,
                          struct new_message *message_out, struct err *err)
{
    void *map;
    int r = map_file(in, PROT_READ | PROT_WRITE, &map, err);
    if (r < 0)
        return r;
    r = prepare_with(in, map, account, prefix, message_out, err);
    munmap(map, file_bytes(in));
    return r;
}

int incoming_prepare(struct incoming *in, struct account *account, struct str prefix,
                     struct new_message *message_out, struct err *err)
{
    struct str bytes;

    assert(prefix.n <= INCOMING_PREFIX_BYTES_MAX);
    if (in->failed.kind != ERR_NONE)
        return fail_again(in, err);
    if (in->size + prefix.n > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "message is larger than 4 GiB");
    if (prefix.n > 0 && in->fd >= 0)
        return prepare_mapped(in, account, prefix, message_out, err);
    if (prefix.n > 0) {
        to_memory(in, STR_NIL); /* an empty message has no room for a prefix yet */
        return prepare_with(in, in->memory.p, account, prefix, message_out, err);
    }
    int r = incoming_bytes(in, &bytes, err);
    return r < 0 ? r : prepare(account, bytes, message_out, err);
}

void incoming_abandon(struct account *account, struct new_message *message)
{
    store_blob_abandon(mail_options(account_mail(account))->store, account_id(account), message->blob);
    message->blob = (struct blob_id){ 0 };
}
