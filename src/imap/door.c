#include "imap/door.h"

#include "mail/tree.h"

int door_find(struct session *s, struct str name, unsigned needed, struct place *place_out, struct err *err)
{
    struct place place = { .name = name };
    (void)needed;
    int r = account_mailbox(s->account, name, &place.mailbox, err);
    if (r < 0 && r != -ERR_NOT_FOUND)
        return r;
    place.account = account_ref(s->account);
    place.rights = place.mailbox ? RIGHTS_ALL : 0;
    *place_out = place;
    return 0;
}

int door_open(struct session *s, struct str name, unsigned needed, struct place *place_out, struct err *err)
{
    struct place place;
    int r = door_find(s, name, needed, &place, err);
    if (r < 0)
        return r;
    if (!place.mailbox) {
        place_leave(&place);
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    }
    *place_out = place;
    return 0;
}

int door_may_create(struct session *s, const struct place *place, struct err *err)
{
    (void)s, (void)place, (void)err;
    return 0;
}

struct str door_shown_name(const struct session *s, const struct account *account, struct str name,
                           struct arena *arena)
{
    (void)s, (void)account, (void)arena;
    return name;
}

void place_leave(struct place *place)
{
    mailbox_unref(&place->mailbox);
    account_unref(&place->account);
    *place = (struct place){ 0 };
}
